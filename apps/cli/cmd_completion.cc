// intact completion and intact man: what packagers and shells read.
#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/completion.h"

namespace intact::cli {

int RunCompletion(Context& context, const Arguments& arguments) {
  const std::string shell = *arguments.Positional(0);
  context.out.Write(shell == "bash"  ? BashCompletion()
                    : shell == "zsh" ? ZshCompletion()
                                     : FishCompletion());
  return kExitOk;
}

int RunMan(Context& context, const Arguments&) {
  context.out.Write(ManualPage(engine::ReadBuildFacts().version));
  return kExitOk;
}

}  // namespace intact::cli

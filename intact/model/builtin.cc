#include "intact/model/builtin.h"

// INTACT_MODEL_FILE is the path of the model file at build time.
__asm__(
    ".pushsection .rodata\n"
    ".balign 4096\n"
    ".global intact_builtin_model_begin\n"
    ".hidden intact_builtin_model_begin\n"
    "intact_builtin_model_begin:\n"
    ".incbin \"" INTACT_MODEL_FILE
    "\"\n"
    ".global intact_builtin_model_end\n"
    ".hidden intact_builtin_model_end\n"
    "intact_builtin_model_end:\n"
    ".balign 64\n"
    ".popsection\n");

// NOLINTBEGIN(readability-identifier-naming): names of the assembler.
extern "C" const std::byte intact_builtin_model_begin[];
extern "C" const std::byte intact_builtin_model_end[];
// NOLINTEND(readability-identifier-naming)

namespace intact::model {

base::ByteSpan BuiltinModelFile() { return {intact_builtin_model_begin, intact_builtin_model_end}; }

}  // namespace intact::model

#include "intact/engine/version_watch.h"

#include "intact/os/os.h"
#include "intact/store/folder.h"
#include "intact/store/store.h"

namespace intact::engine {

VersionWatch::Marks VersionWatch::Look() const {
  const int64_t now_ns = os::RealClock().wall_ns();
  Marks marks;
  const auto super = os::StatPath(store::SuperPath(store_), true);
  if (!super.ok()) return marks;
  marks.super = *super;
  marks.is_settled = super->ctime_ns + os::kStatSettledNs <= now_ns;
  if (journal_ == 0) return marks;
  const auto journal = os::StatPath(store::JournalPath(store_, journal_), true);
  if (!journal.ok()) return Marks();
  marks.journal = *journal;
  marks.is_settled = marks.is_settled && journal->ctime_ns + os::kStatSettledNs <= now_ns;
  return marks;
}

base::Result<std::shared_ptr<const store::Snapshot>> VersionWatch::Newer() {
  // Before anything is read: what changes from here on is seen by the next call.
  Marks now = Look();
  const bool is_same = has_version_ && marks_.is_settled && now.is_settled &&
                       now.super == marks_.super && now.journal == marks_.journal;
  if (is_same) return std::shared_ptr<const store::Snapshot>();
  auto loaded = store::LoadVersion(os::RealFileSystem(), store_);
  if (loaded.code() == base::Code::kNotFound) {
    return store::Store::OpenReadOnly(os::RealFileSystem(), store_);  // Says why there is none.
  }
  if (!loaded.ok()) return loaded.status();
  const store::Snapshot& snapshot = *loaded->snapshot;
  // Of another journal than was looked at nothing is known yet.
  if (loaded->super.active.journal != journal_) now.is_settled = false;
  journal_ = loaded->super.active.journal;
  marks_ = now;
  if (has_version_ && version_ == snapshot.version() && uuid_ == snapshot.uuid()) {
    return std::shared_ptr<const store::Snapshot>();
  }
  has_version_ = true;
  version_ = snapshot.version();
  uuid_ = snapshot.uuid();
  return std::move(loaded->snapshot);
}

}  // namespace intact::engine

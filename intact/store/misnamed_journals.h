// Journals whose files have each other's names: a folder put together by hand, files swapped or
// renamed. Their frames say which journal they are. Thread-safe functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/file.h"
#include "intact/store/inventory.h"

namespace intact::store {

struct MisnamedJournal {
  uint64_t name = 0;    // The number in the file's name.
  uint64_t number = 0;  // The journal it is.
};

// Files without a frame of their own that begin with a frame of another journal, of which there is
// no file with frames and no second such file. Ascending by name.
std::vector<MisnamedJournal> FindMisnamedJournals(const std::vector<FoundJournal>& journals);

// Renames them; what lies under a name that is needed (zeros, or other bytes that are no journal)
// moves away to the name of a journal that there never was. When it is cut short the files are
// misnamed still, under other names: it can be repeated.
base::Status GiveJournalsTheirNames(os::FileSystem& files, const std::string& folder,
                                    const std::vector<MisnamedJournal>& misnamed);

}  // namespace intact::store

#include "intact/store/misnamed_journals.h"

#include <algorithm>
#include <map>
#include <set>

namespace intact::store {

std::vector<MisnamedJournal> FindMisnamedJournals(const std::vector<FoundJournal>& journals) {
  std::map<uint64_t, size_t> claims;  // How many files are this journal.
  for (const FoundJournal& journal : journals) {
    // One that cannot be read may be what its name says.
    if (!journal.frames.empty() || !journal.problem.ok()) ++claims[journal.number];
    if (journal.holds != 0) ++claims[journal.holds];
  }
  std::vector<MisnamedJournal> misnamed;
  for (const FoundJournal& journal : journals) {
    if (journal.holds == 0 || claims[journal.holds] > 1) continue;
    misnamed.push_back({journal.number, journal.holds});
  }
  return misnamed;
}

base::Status GiveJournalsTheirNames(os::FileSystem& files, const std::string& folder,
                                    const std::vector<MisnamedJournal>& misnamed) {
  INTACT_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.ListNames(folder));
  uint64_t last = 0;
  for (const std::string& name : names) last = std::max(last, ParseStoreName(name).second);
  for (const auto& [name, number] : misnamed) last = std::max(last, number);
  if (last > kNumberCredibleMax) {
    return base::Corruption("no store counts as far as " + std::to_string(last) +
                            ": the names of its files were forged; nothing was renamed");
  }
  uint64_t free = last + 1;

  std::set<uint64_t> moved;
  std::map<uint64_t, uint64_t> places;  // Where a journal is now.
  const auto move_away = [&](uint64_t name) -> base::Status {
    INTACT_RETURN_IF_ERROR(files.Rename(JournalPath(folder, name), JournalPath(folder, free)));
    moved.insert(name);
    return base::Ok();
  };
  for (const auto& [name, number] : misnamed) {
    INTACT_RETURN_IF_ERROR(move_away(name));
    places[number] = free++;
  }
  for (const auto& [name, number] : misnamed) {
    const bool is_taken =
        !moved.contains(number) &&
        std::any_of(names.begin(), names.end(), [wanted = number](const std::string& other) {
          return ParseStoreName(other) == std::pair(StoreName::kJournal, wanted);
        });
    if (!is_taken) continue;
    INTACT_RETURN_IF_ERROR(move_away(number));
    ++free;
  }
  // Of what follows nothing may reach the disk before all of the above: it would overwrite.
  INTACT_RETURN_IF_ERROR(files.SyncDirectory(folder));
  for (const auto& [number, place] : places) {
    INTACT_RETURN_IF_ERROR(files.Rename(JournalPath(folder, place), JournalPath(folder, number)));
  }
  return files.SyncDirectory(folder);
}

}  // namespace intact::store

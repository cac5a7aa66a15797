// What of a journal is whole, frame by frame and half by half. For examination.h. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "intact/store/examination.h"

namespace intact::store {

struct JournalHealth {
  std::vector<Finding> findings;
  std::vector<JournalMending> mendings;  // That make both halves alike, and zero behind them.
  bool is_shape_sound = true;            // It has two halves, as far as can be told.
};

// `half_size` is what the superblock says, 0 when the journal is not its own: then the frames must
// tell.
JournalHealth ExamineJournal(base::ByteSpan bytes, const format::Uuid& store,
                             const FoundJournal& journal, uint64_t half_size,
                             const std::string& path);

}  // namespace intact::store

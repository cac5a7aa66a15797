// Arithmetic here means rounding to nearest, whatever the caller's thread is set to. Internal to
// codec.
#pragma once

#include <cfenv>

namespace intact::codec {

// Rounding to nearest until the end of the scope. The work must be in functions that are called,
// not inlined: compilers may move arithmetic past a change of the mode.
class RoundToNearest {
 public:
  RoundToNearest() : mode_(std::fegetround()) {
    if (mode_ != FE_TONEAREST) std::fesetround(FE_TONEAREST);
  }
  ~RoundToNearest() {
    if (mode_ != FE_TONEAREST) std::fesetround(mode_);
  }
  RoundToNearest(const RoundToNearest&) = delete;
  RoundToNearest& operator=(const RoundToNearest&) = delete;

 private:
  int mode_;
};

}  // namespace intact::codec

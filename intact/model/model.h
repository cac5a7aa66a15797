// model: local embedding models. Reading order: text_model.h, tokeniser.h,
// static_model.h, builtin.h; then model2vec.h with wordpiece.h, safetensors.h, unicode.h.
#pragma once

#include "intact/model/builtin.h"       // IWYU pragma: export
#include "intact/model/model2vec.h"     // IWYU pragma: export
#include "intact/model/static_model.h"  // IWYU pragma: export
#include "intact/model/text_model.h"    // IWYU pragma: export
#include "intact/model/tokeniser.h"     // IWYU pragma: export

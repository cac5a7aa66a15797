// model: local embedding models. Reading order: tokeniser.h, static_model.h, builtin.h.
#pragma once

#include "intact/model/builtin.h"       // IWYU pragma: export
#include "intact/model/static_model.h"  // IWYU pragma: export
#include "intact/model/tokeniser.h"     // IWYU pragma: export

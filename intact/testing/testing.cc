#include "intact/testing/testing.h"

// For Catch2 version 2 only; version 3 has a library with a main.
#define CATCH_CONFIG_MAIN
#include "tests/support/catch.h"

# The warnings that our own code is held to. Link PRIVATE as `standard_warnings`.
add_library(standard_warnings INTERFACE)
target_compile_options(standard_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast -Wcast-qual -Wnon-virtual-dtor -Woverloaded-virtual
  -Wextra-semi -Wundef -Wformat=2 -Wvla
  # Option structs with designated initialisers leave out what keeps its default: that is what they are for.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(standard_warnings INTERFACE
    -Wduplicated-cond -Wlogical-op
    # False alarms of g++ 12's optimiser: std::string operator+ (GCC PR 105651), optional and variant (PR 80635).
    -Wno-restrict -Wno-maybe-uninitialized
    # And of g++ 13 and later: a reference to a member of one argument, with another argument that is a temporary.
    $<$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>:-Wno-dangling-reference>)
endif()
if(NODEBOOT_WERROR)
  target_compile_options(standard_warnings INTERFACE -Werror)
endif()

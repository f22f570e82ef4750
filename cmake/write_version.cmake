# Run by version.cmake at build time; touches OUTPUT only when it changes.
set(commit "dev")
if(LOOK_UP)
  execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    set(commit "unknown")  # built from an archive of the sources
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT [=[
#include "version.hpp"

namespace nodeboot {

std::string_view version() { return "@VERSION@"; }
std::string_view git_commit() { return "@commit@"; }

}  // namespace nodeboot
]=] @ONLY)

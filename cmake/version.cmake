# Defines nodeboot::version() and nodeboot::git_commit() (src/version.hpp). The commit is looked up at each build of
# a static binary; other builds say "dev", or each commit would relink every test.
function(nodeboot_add_version target)
  set(output "${CMAKE_BINARY_DIR}/generated/version.cpp")
  add_custom_target(nodeboot_version
    COMMAND "${CMAKE_COMMAND}"
      -D "SOURCE_DIR=${CMAKE_SOURCE_DIR}" -D "OUTPUT=${output}" -D "VERSION=${PROJECT_VERSION}"
      -D "LOOK_UP=${NODEBOOT_STATIC}" -P "${CMAKE_SOURCE_DIR}/cmake/write_version.cmake"
    BYPRODUCTS "${output}"
    COMMENT "" VERBATIM)
  target_sources(${target} PRIVATE "${output}")
  add_dependencies(${target} nodeboot_version)
endfunction()

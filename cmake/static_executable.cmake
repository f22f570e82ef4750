# One static-pie file without the host's NSS: docs/decisions/0001-static-tls-and-resolver.md.
# Beside the stripped executable lies <name>.debug with its symbols, found by gdb through the debug link.
include(CheckLinkerFlag)
check_linker_flag(CXX "-Wl,--fatal-warnings,-z,pack-relative-relocs" LINKER_PACKS_RELOCATIONS)

# Less of OpenSSL: docs/decisions/0005-what-is-left-out-of-the-binary.md. Its tables belong to one minor version.
add_library(nodeboot_less OBJECT third_party/terminate.cpp)
if(OPENSSL_VERSION VERSION_GREATER_EQUAL 3.0 AND OPENSSL_VERSION VERSION_LESS 3.1)
  target_sources(nodeboot_less PRIVATE third_party/openssl_subset.cpp)
else()
  message(STATUS "OpenSSL ${OPENSSL_VERSION}: all of its algorithms are linked")
endif()
target_include_directories(nodeboot_less PRIVATE "${OPENSSL_INCLUDE_DIR}")
target_link_libraries(nodeboot_less PRIVATE standard_settings standard_warnings)
target_compile_options(nodeboot_less PRIVATE -fno-lto)
set(NO_UNWIND_TABLES "${CMAKE_CURRENT_SOURCE_DIR}/cmake/no_unwind_tables.ld")

function(nodeboot_make_static target)
  target_link_libraries(${target} PRIVATE nodeboot_less)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${NO_UNWIND_TABLES}")
  target_link_options(${target} PRIVATE
    -static-pie
    -Wl,--fatal-warnings -Wl,--gc-sections
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
    $<$<BOOL:${LINKER_PACKS_RELOCATIONS}>:-Wl,-z,pack-relative-relocs>
    -Wl,--build-id=sha1
    "-Wl,-T,${NO_UNWIND_TABLES}"
    -Wl,--wrap=dlopen,--wrap=dlsym,--wrap=dlclose,--wrap=dlerror,--wrap=dladdr)
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND "${CMAKE_OBJCOPY}" --only-keep-debug $<TARGET_FILE:${target}> ${target}.debug
    COMMAND "${CMAKE_STRIP}" $<TARGET_FILE:${target}>
    COMMAND "${CMAKE_OBJCOPY}" --add-gnu-debuglink=${target}.debug $<TARGET_FILE:${target}>
    WORKING_DIRECTORY $<TARGET_FILE_DIR:${target}>
    VERBATIM)
endfunction()

# One static-pie file without the host's NSS: docs/decisions/0001-static-tls-and-resolver.md.
# Beside the stripped executable lies <name>.debug with its symbols, found by gdb through the debug link.
include(CheckLinkerFlag)
check_linker_flag(CXX "-Wl,--fatal-warnings,-z,pack-relative-relocs" LINKER_PACKS_RELOCATIONS)

function(nodeboot_make_static target)
  target_link_options(${target} PRIVATE
    -static-pie
    -Wl,--fatal-warnings -Wl,--gc-sections
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
    $<$<BOOL:${LINKER_PACKS_RELOCATIONS}>:-Wl,-z,pack-relative-relocs>
    -Wl,--build-id=sha1
    -Wl,--wrap=dlopen,--wrap=dlsym,--wrap=dlclose,--wrap=dlerror,--wrap=dladdr)
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND "${CMAKE_OBJCOPY}" --only-keep-debug $<TARGET_FILE:${target}> ${target}.debug
    COMMAND "${CMAKE_STRIP}" $<TARGET_FILE:${target}>
    COMMAND "${CMAKE_OBJCOPY}" --add-gnu-debuglink=${target}.debug $<TARGET_FILE:${target}>
    WORKING_DIRECTORY $<TARGET_FILE_DIR:${target}>
    VERBATIM)
endfunction()

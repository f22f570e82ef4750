# How every file of ours is compiled, whatever the preset. Link as `standard_settings`.
add_library(standard_settings INTERFACE)
target_compile_features(standard_settings INTERFACE cxx_std_20)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD_REQUIRED ON)

# -g1 keeps file and line in backtraces and halves the compile time of -g.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
# Size first: what nodeboot waits for is the network, apt and kubeadm (docs/performance.md).
set(CMAKE_CXX_FLAGS_RELEASE "-Os -DNDEBUG")

# Same bytes from any checkout: no path of the building machine in __FILE__ or in debug information.
target_compile_options(standard_settings INTERFACE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

if(NODEBOOT_SANITIZE)
  target_compile_options(standard_settings INTERFACE
    "-fsanitize=${NODEBOOT_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  target_link_options(standard_settings INTERFACE "-fsanitize=${NODEBOOT_SANITIZE}")
endif()

# A dozen test executables are linked after each change: by LLVM's linker, where there is one, in a tenth of the time.
if(NODEBOOT_TESTS)
  find_program(LLD ld.lld)
  if(LLD)
    target_link_options(standard_settings INTERFACE -fuse-ld=lld)
  endif()
endif()

if(NODEBOOT_STATIC)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(branch_protection -mbranch-protection=standard)
  else()
    set(branch_protection -fcf-protection=full)
  endif()
  target_compile_options(standard_settings INTERFACE
    -fPIE -ffunction-sections -fdata-sections
    -fstack-protector-strong -fstack-clash-protection ${branch_protection})
  target_compile_definitions(standard_settings INTERFACE _FORTIFY_SOURCE=2)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # Relative paths in the key: checkouts side by side share results.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
endif()

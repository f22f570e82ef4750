# Libraries from Debian packages, as static archives; libcurl alone is built by us (script/build-curl), because
# Debian's libcurl.a wants thirty other libraries. Link as `nodeboot_dependencies`.
# The same archives serve every preset, so that what is tested is what is shipped.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(OPENSSL_USE_STATIC_LIBS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers only

# From Debian 13 on libcrypto.a compresses; CMake's own module knows about zlib at most.
foreach(name z zstd)
  find_library(NODEBOOT_ARCHIVE_${name} ${name} REQUIRED)
  set_property(TARGET OpenSSL::Crypto APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${NODEBOOT_ARCHIVE_${name}}")
endforeach()

if(NOT NODEBOOT_CURL_PREFIX)
  # Answers at once when it is built already, else takes half a minute.
  execute_process(
    COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/script/build-curl" "${CMAKE_CXX_LIBRARY_ARCHITECTURE}"
    OUTPUT_VARIABLE NODEBOOT_CURL_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
endif()
unset(CURL_DIR CACHE)  # or another recipe would not be noticed
find_package(CURL CONFIG REQUIRED PATHS "${NODEBOOT_CURL_PREFIX}" NO_DEFAULT_PATH)
message(STATUS "libcurl ${CURL_VERSION} in ${NODEBOOT_CURL_PREFIX}")
# Before 8.2 curl exports its only library without the suffix; build-curl falls back to such a version where the newer
# source package cannot be fetched.
if(NOT TARGET CURL::libcurl_static)
  add_library(CURL::libcurl_static ALIAS CURL::libcurl)
endif()

function(nodeboot_find_archive name header)
  string(TOUPPER "${name}" upper)
  find_library(${upper}_ARCHIVE "${name}" REQUIRED)
  find_path(${upper}_HEADERS "${header}" REQUIRED)
  add_library(archive_${name} INTERFACE)
  target_link_libraries(archive_${name} INTERFACE "${${upper}_ARCHIVE}")
endfunction()
nodeboot_find_archive(cares ares.h)
nodeboot_find_archive(nghttp2 nghttp2/nghttp2.h)
nodeboot_find_archive(yaml yaml.h)
nodeboot_find_archive(expat expat.h)

foreach(header toml++/toml.h nlohmann/json.hpp CLI/CLI.hpp tl/expected.hpp fmt/format-inl.h)
  string(MAKE_C_IDENTIFIER "HEADER_${header}" variable)
  find_path(${variable} "${header}" REQUIRED)
endforeach()

# Debian has fmt's headers but no archive: its implementation is compiled here, once.
add_library(nodeboot_fmt STATIC third_party/fmt.cpp)
target_link_libraries(nodeboot_fmt PUBLIC standard_settings)

# Names are resolved by c-ares, never by the host's NSS modules: docs/decisions/0001-static-tls-and-resolver.md.
# An object, not an archive: it has to win against libc.a. Without LTO, or the definitions vanish before they are needed.
add_library(nodeboot_no_nss OBJECT third_party/no_nss.cpp)
target_link_libraries(nodeboot_no_nss PRIVATE standard_settings)
target_compile_options(nodeboot_no_nss PRIVATE -fno-lto)

add_library(nodeboot_dependencies INTERFACE)
target_link_libraries(nodeboot_dependencies INTERFACE
  CURL::libcurl_static OpenSSL::SSL OpenSSL::Crypto archive_cares archive_nghttp2 archive_yaml archive_expat
  nodeboot_fmt Boost::headers Threads::Threads)
target_compile_definitions(nodeboot_dependencies INTERFACE
  BOOST_PROCESS_USE_STD_FS=1  # Boost.Process v2 without libboost_filesystem
  BOOST_ASIO_NO_DEPRECATED NGHTTP2_STATICLIB)

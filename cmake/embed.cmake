# Text files as string_views. Every file in src/<folder>/embed/ (and in cloud-init/) becomes a constant:
#   src/phases/embed/kube-flannel.yml  ->  #include "phases/embedded.hpp"     nodeboot::embedded::kube_flannel_yml
#   cloud-init/nodeboot.service        ->  #include "cloud-init/embedded.hpp" nodeboot::embedded::nodeboot_service
# Names are unique over all folders; the linker says so if not.

# Adds the files to `target`; the header lies at <folder>/embedded.hpp.
function(nodeboot_embed target folder)
  set(directory "${CMAKE_BINARY_DIR}/generated/${folder}")
  set(declarations "")
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    string(MAKE_C_IDENTIFIER "${name}" identifier)
    set(output "${directory}/embedded_${identifier}.cpp")
    add_custom_command(OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" -D "INPUT=${file}" -D "OUTPUT=${output}" -D "IDENTIFIER=${identifier}"
        -P "${CMAKE_SOURCE_DIR}/cmake/write_embedded.cmake"
      DEPENDS "${file}" "${CMAKE_SOURCE_DIR}/cmake/write_embedded.cmake"
      COMMENT "Embedding ${folder}/${name}" VERBATIM)
    target_sources(${target} PRIVATE "${output}")
    string(APPEND declarations "extern const std::string_view ${identifier};  // ${name}\n")
  endforeach()
  file(CONFIGURE OUTPUT "${directory}/embedded.hpp" CONTENT [=[
// Files compiled into the binary; made by cmake/embed.cmake.
#pragma once
#include <string_view>
namespace nodeboot::embedded {
@declarations@}  // namespace nodeboot::embedded
]=] @ONLY)
endfunction()

function(nodeboot_embed_folders target)
  file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/*/embed/*" "${CMAKE_SOURCE_DIR}/cloud-init/*")
  foreach(file IN LISTS files)
    file(RELATIVE_PATH path "${CMAKE_SOURCE_DIR}" "${file}")
    string(REGEX REPLACE "^src/|/embed/[^/]*$|/[^/]*$" "" folder "${path}")
    string(MAKE_C_IDENTIFIER "${folder}" key)
    list(APPEND folders "${folder}")
    list(APPEND files_${key} "${file}")
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(folder IN LISTS folders)
    string(MAKE_C_IDENTIFIER "${folder}" key)
    nodeboot_embed(${target} "${folder}" ${files_${key}})
  endforeach()
  target_include_directories(${target} PUBLIC "${CMAKE_BINARY_DIR}/generated")
endfunction()

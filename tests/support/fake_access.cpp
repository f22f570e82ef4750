#include "support/fake_access.hpp"

#include <elf.h>

#include <cstring>
#include <fstream>

namespace nodeboot::testing {

std::string static_executable(const std::filesystem::path& folder) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phnum = 1;
    Elf64_Phdr part{};
    part.p_type = PT_LOAD;
    const auto path = folder / "nodeboot";
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
    out.write(reinterpret_cast<const char*>(&part), sizeof part);
    return path.string();
}

}  // namespace nodeboot::testing

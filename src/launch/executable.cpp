#include <elf.h>
#include <fmt/core.h>

#include <array>
#include <cstring>
#include <fstream>

#include "launch/binary.hpp"

namespace nodeboot {
namespace {

tl::unexpected<Error> unfit(const std::string& path, std::string_view why, std::string hint) {
    return fail(ErrorKind::invalid_input, fmt::format("{} cannot be what instances run: {}", path, why),
                std::move(hint));
}

template <class T>
std::optional<T> read_at(std::ifstream& file, std::uint64_t offset) {
    std::array<char, sizeof(T)> bytes{};
    file.seekg(static_cast<std::streamoff>(offset));
    if (!file.read(bytes.data(), bytes.size())) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

}  // namespace

Result<void> check_executable(const std::string& path, Architecture architecture) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(ErrorKind::io, fmt::format("cannot read {}", path));
    const std::string hint = "give a released nodeboot in binary.file";
    const auto header = read_at<Elf64_Ehdr>(file, 0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64)
        return unfit(path, "it is no 64-bit Linux program", hint);
    const auto machine = architecture == Architecture::arm64 ? EM_AARCH64 : EM_X86_64;
    if (header->e_machine != machine)
        return unfit(path, fmt::format("it is not for {}", to_string(architecture)),
                     "give the nodeboot of the instances' architecture in binary.file");
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto part = read_at<Elf64_Phdr>(file, header->e_phoff + i * sizeof(Elf64_Phdr));
        if (!part) return unfit(path, "it is cut off", hint);
        if (part->p_type == PT_INTERP) return unfit(path, "it needs libraries of the machine it was built on", hint);
    }
    return {};
}

}  // namespace nodeboot

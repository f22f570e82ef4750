#include "system/system_error.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

namespace nodeboot {
namespace {

ErrorKind kind_of(int number) {
    switch (number) {
        case ENOENT:
        case ENOTDIR: return ErrorKind::not_found;
        case EACCES:
        case EPERM: return ErrorKind::permission;
        case EBUSY:
        case EXDEV:
        case EISDIR:
        case ENOTEMPTY: return ErrorKind::conflict;
        case ECONNREFUSED:
        case EAGAIN: return ErrorKind::unavailable;
        default: return ErrorKind::io;
    }
}

std::string hint_for(int number) {
    switch (number) {
        case ENOSPC: return "the file system is full: make room, then run again";
        case EDQUOT: return "the disk quota is used up: make room, then run again";
        case EROFS: return "the file system is mounted read-only: see `dmesg` for a disk error";
        case EPERM:
        case EACCES: return "nodeboot has to run as root";
        default: return {};
    }
}

}  // namespace

Error system_error(int number, std::string what) {
    const char* text = ::strerrordesc_np(number);  // unlike strerror, safe between threads
    return {kind_of(number),
            fmt::format("{}: {}", what, text != nullptr ? text : fmt::format("error {}", number)),
            hint_for(number),
            {}};
}

}  // namespace nodeboot

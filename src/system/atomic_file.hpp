#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "system/fd.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// A file in the making: nobody sees it before commit(), which puts it in place whole, durably and with its final
/// mode and owner. Abandoned (by an error, by SIGKILL), it leaves nothing: it has no name until it is complete
/// (O_TMPFILE); where the file system cannot do that, the next write of the same file removes what was left.
class AtomicFile {
   public:
    /// `shown` is the path for error messages; the file goes into `folder` under `name`.
    static Result<AtomicFile> make(Fd folder, std::string name, std::string shown);
    AtomicFile(AtomicFile&&) = default;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();

    Result<void> append(std::string_view bytes);
    /// All that is left in `source` (a descriptor), in the kernel where it can.
    Result<void> append_from(int source);
    /// Replaces what is at the name, a symlink included. A folder there is a `conflict`.
    Result<void> commit(const FileAttributes& attributes);

   private:
    AtomicFile(Fd folder, std::string name, std::string shown);
    Result<void> open();
    bool give_name();
    void remove_left_overs() const;
    Error error(int number) const;

    Fd folder_, file_;
    std::string name_, shown_, temporary_;
    bool named_ = false;
};

/// The name a file has for the moment before it replaces `name`; unique in this process.
std::string temporary_name(std::string_view name);

}  // namespace nodeboot

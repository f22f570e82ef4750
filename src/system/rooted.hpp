#pragma once

#include "base/result.hpp"
#include "system/fd.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// Opens absolute paths below a root folder. With a root other than "/" nothing outside is reached, not even through
/// an absolute symlink (openat2 with RESOLVE_IN_ROOT, Linux 5.6). Functions that say so return an Fd without a
/// descriptor and leave the reason in errno.
class Rooted {
   public:
    explicit Rooted(Path root);

    const Path& root() const { return root_; }
    /// Where `path` is for a call that takes no folder descriptor (swapoff, connect).
    Path outside(const Path& path) const;

    Fd open(const Path& path, int flags) const;  ///< errno; follows symlinks; O_CLOEXEC is added
    /// The folder that holds `path`, symlinks above it followed, to act on its last part only.
    Fd open_parent(const Path& path) const;  ///< errno
    /// The same; missing folders are made, 0755.
    Result<Fd> make_parent(const Path& path) const;

   private:
    Path root_;
    Fd root_fd_;  ///< empty when root is "/"
};

}  // namespace nodeboot

#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "net/join_store.hpp"

namespace nodeboot {

/// Where the phase that fetches the join secret leaves it for the phase that joins. In memory only.
class JoinMaterial {
   public:
    void set(JoinSecret secret) {
        const std::lock_guard lock(mutex_);
        secret_ = std::move(secret);
    }
    std::optional<JoinSecret> get() const {
        const std::lock_guard lock(mutex_);
        return secret_;
    }

   private:
    mutable std::mutex mutex_;
    std::optional<JoinSecret> secret_;
};

}  // namespace nodeboot

#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "base/error.hpp"

namespace nodeboot {

/// Value or Error (docs/decisions/0002-error-type.md). tl::expected until the compiler brings std::expected;
/// derived only to make ignoring one a compiler warning.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
   public:
    using tl::expected<T, Error>::expected;
    Result() = default;
};

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message, std::string hint = {}) {
    return tl::unexpected<Error>(Error{kind, std::move(message), std::move(hint), {}});
}

}  // namespace nodeboot

/// `auto x = NB_TRY(f());` — the value, or return the error from the enclosing function.
/// A statement expression: g++ and clang, the two compilers nodeboot is built with.
#define NB_TRY(expression)                                                       \
    __extension__({                                                              \
        auto&& nb_result_ = (expression);                                        \
        if (!nb_result_) return ::nodeboot::fail(std::move(nb_result_).error()); \
        *std::move(nb_result_);                                                  \
    })

/// The same for Result<void>, and with a context line for either.
#define NB_CHECK(expression)                                                     \
    do {                                                                         \
        auto&& nb_result_ = (expression);                                        \
        if (!nb_result_) return ::nodeboot::fail(std::move(nb_result_).error()); \
    } while (false)

#define NB_TRY_CONTEXT(expression, line)                                                                       \
    __extension__({                                                                                            \
        auto&& nb_result_ = (expression);                                                                      \
        if (!nb_result_) return ::nodeboot::fail(std::move(std::move(nb_result_).error()).with_context(line)); \
        *std::move(nb_result_);                                                                                \
    })

#define NB_CHECK_CONTEXT(expression, line)                                                                     \
    do {                                                                                                       \
        auto&& nb_result_ = (expression);                                                                      \
        if (!nb_result_) return ::nodeboot::fail(std::move(std::move(nb_result_).error()).with_context(line)); \
    } while (false)

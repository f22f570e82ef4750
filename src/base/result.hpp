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

// One name for each use: a use may stand inside another's argument.
#define NB_CONCAT_IMPL_(a, b) a##b
#define NB_CONCAT_(a, b) NB_CONCAT_IMPL_(a, b)
#define NB_RESULT_ NB_CONCAT_(nb_result_, __COUNTER__)

#define NB_TRY_IMPL_(name, expression, adapt)                              \
    __extension__({                                                        \
        auto&& name = (expression);                                        \
        if (!name) return ::nodeboot::fail(std::move(name.error()) adapt); \
        *std::move(name);                                                  \
    })

#define NB_CHECK_IMPL_(name, expression, adapt)                            \
    do {                                                                   \
        auto&& name = (expression);                                        \
        if (!name) return ::nodeboot::fail(std::move(name.error()) adapt); \
    } while (false)

/// `auto x = NB_TRY(f());` — the value, or return the error from the enclosing function.
/// A statement expression: g++ and clang, the two compilers nodeboot is built with.
#define NB_TRY(expression) NB_TRY_IMPL_(NB_RESULT_, expression, )
/// The same for Result<void>.
#define NB_CHECK(expression) NB_CHECK_IMPL_(NB_RESULT_, expression, )
/// Both again, with a context line put on the error.
#define NB_TRY_CONTEXT(expression, line) NB_TRY_IMPL_(NB_RESULT_, expression, .with_context(line))
#define NB_CHECK_CONTEXT(expression, line) NB_CHECK_IMPL_(NB_RESULT_, expression, .with_context(line))

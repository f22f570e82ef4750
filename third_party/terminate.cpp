// What happens to an exception that nobody catches: its type's mangled name and its message, then an abort. libstdc++'s
// own handler would bring a demangler into the static binary, 47 KiB for a message that no user should ever see.
#include <cxxabi.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string_view>
#include <typeinfo>

namespace {

void print(std::string_view text) { static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size())); }

}  // namespace

namespace __gnu_cxx {

void __verbose_terminate_handler() {
    print("nodeboot: ended by an exception that nothing caught");
    if (const std::type_info* type = abi::__cxa_current_exception_type()) {
        print(": ");
        print(type->name());
        try {
            throw;
        } catch (const std::exception& error) {
            print(": ");
            print(error.what());
        } catch (...) {  // what it is has been said
        }
    }
    print("\n");
    std::abort();
}

}  // namespace __gnu_cxx

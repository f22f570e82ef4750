#include "cli/config_commands.hpp"

#include <fmt/core.h>

#include "base/config_print.hpp"
#include "cli/report_json.hpp"

namespace nodeboot::cli {

// One mistake a line, nothing around it: editors and CI jump to file:line:column.
ExitCode config_check(Session& session) {
    const auto loaded = session.load_all();
    if (!loaded) return session.fail_with(loaded.error());
    if (session.json()) {
        session.out(check_json(*loaded));
        return loaded->ok() ? exit_ok : exit_error;
    }
    const auto& err = session.surroundings().err;
    for (const auto& mistake : loaded->mistakes) err(mistake.text() + "\n");
    for (const auto& warning : loaded->warnings) err("warning: " + warning.text() + "\n");
    if (!loaded->ok()) {
        const auto count = loaded->mistakes.size();
        err(fmt::format("{} mistake{}\n", count, count == 1 ? "" : "s"));
        return exit_error;
    }
    session.out("The configuration is right.\n");
    return exit_ok;
}

ExitCode config_show(Session& session) {
    const auto loaded = session.load_all();
    if (!loaded) return session.fail_with(loaded.error());
    if (!loaded->ok()) return session.fail_with(loaded->error());
    const auto origins = session.invocation().with_origin ? ShowOrigins::yes : ShowOrigins::no;
    session.out(session.json() ? show_json(*loaded) : show_config(*loaded, origins));
    return exit_ok;
}

}  // namespace nodeboot::cli

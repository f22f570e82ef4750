#include "cli/session.hpp"

#include <filesystem>

#include "cli/commands.hpp"
#include "cli/report_json.hpp"
#include "cli/report_text.hpp"

namespace nodeboot::cli {

Session::Session(const Invocation& invocation, Surroundings& surroundings)
    : invocation_(invocation),
      surroundings_(surroundings),
      progress_(make_quiet_progress(surroundings.err, surroundings.err_terminal)),
      log_(
          [this](LogLevel level, std::string_view line) {
              const std::lock_guard lock(mutex_);
              progress_->log(level, line);
          },
          invocation.log_level) {}

std::string Session::command() const {
    for (const auto& spec : commands())
        if (spec.command == invocation_.command) return std::string(spec.words);
    return {};
}

void Session::show_progress(std::size_t phases) {
    const auto& out = json() ? surroundings_.err : surroundings_.out;
    const auto& terminal = json() ? surroundings_.err_terminal : surroundings_.out_terminal;
    const std::lock_guard lock(mutex_);
    if (invocation_.log_level > LogLevel::info)
        progress_ = make_quiet_progress(surroundings_.err, surroundings_.err_terminal);
    else if (terminal.interactive)
        progress_ = make_live_progress(out, terminal, surroundings_.clock, phases);
    else
        progress_ = make_plain_progress(out, terminal);
}

ExitCode Session::fail_with(const Error& error) {
    progress_->finish();
    if (json()) out(failure_json(command(), error));
    const auto& terminal = surroundings_.err_terminal;
    surroundings_.err(with_priority(LogLevel::error, error_text(error, terminal), terminal));
    return error.kind == ErrorKind::cancelled ? exit_stopped : exit_error;
}

Result<LoadedConfig> Session::load_all() {
    const auto presence = invocation_.config_given ? Presence::required : Presence::optional;
    auto layers = NB_TRY(read_config_layers(invocation_.config_file, presence));
    return nodeboot::load_config(layers, invocation_.settings);
}

std::string Session::unusual_config_file() const {
    if (invocation_.config_file == Invocation{}.config_file) return {};
    return std::filesystem::absolute(invocation_.config_file).lexically_normal();
}

Result<Config> Session::load_config() {
    const auto loaded = NB_TRY(load_all());
    // A timer's job reads it three times a minute; the boot and every person have been told.
    for (const auto& warning : loaded.warnings)
        is_timers_job(invocation_) ? log_.debug(warning.text()) : log_.warning(warning.text());
    if (!loaded.ok()) return fail(loaded.error());
    return loaded.config;
}

}  // namespace nodeboot::cli

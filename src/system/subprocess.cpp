#include "system/subprocess.hpp"

// Boost.Process v2 of 1.81 forgets these two.
#include <boost/optional.hpp>
#include <boost/type_traits.hpp>
//
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>
#include <cstring>

#include "system/system_error.hpp"

namespace nodeboot {
namespace {

namespace asio = boost::asio;
namespace process = boost::process::v2;
using boost::system::error_code;

std::string_view name_of(std::string_view assignment) { return assignment.substr(0, assignment.find('=')); }

std::vector<std::string> environment_for(const Command& command, const SubprocessOptions& options) {
    std::vector<std::string> all{"PATH=" + options.search_path, "HOME=/root", "LANG=C.UTF-8"};
    for (const auto& added : command.environment) {
        std::erase_if(all, [&](const std::string& old) { return name_of(old) == name_of(added); });
        all.push_back(added);
    }
    return all;
}

bool is_program(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& environment) {
    if (name.find('/') != std::string::npos) {
        if (is_program(name)) return name;
        const bool exists = ::access(name.c_str(), F_OK) == 0;
        return fail(exists ? ErrorKind::permission : ErrorKind::not_found,
                    fmt::format("cannot start '{}': {}", name, exists ? "not an executable file" : "no such file"));
    }
    const auto assignment = std::find_if(environment.begin(), environment.end(),
                                         [](const std::string& line) { return name_of(line) == "PATH"; });
    std::string_view folders = std::string_view(*assignment).substr(5);
    while (!folders.empty()) {
        const auto colon = std::min(folders.find(':'), folders.size());
        const std::string candidate = std::string(folders.substr(0, colon)) + "/" + name;
        if (colon > 0 && is_program(candidate)) return candidate;
        folders.remove_prefix(std::min(colon + 1, folders.size()));
    }
    return fail(ErrorKind::not_found, fmt::format("cannot start '{}': not found in PATH", name),
                fmt::format("looked in {}", assignment->substr(5)));
}

// Boost 1.81's close_all leaves every descriptor open that lies between 2 and its own pipe. Only marked here, not
// closed: that pipe has yet to carry the news of a failed exec.
void close_the_rest_on_exec() {
    if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    for (int fd = 3; fd < 1024; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);  // Linux before 5.11
}

// What is done before the fork, and in the child between fork and exec: nothing that allocates. Boost's launcher asks
// for on_exec_error with five arguments and calls it with four, hence the open argument list. Its own
// process_environment is header-only by name alone in 1.81: on_setup is missing.
class ChildSetup {
   public:
    explicit ChildSetup(const std::vector<std::string>& environment) {
        for (const auto& line : environment) environment_.push_back(line.c_str());
        environment_.push_back(nullptr);
    }
    template <class Launcher, class... Ignored>
    error_code on_setup(Launcher& launcher, Ignored&&...) const {
        launcher.env = environment_.data();
        return {};
    }
    template <class... Ignored>
    error_code on_exec_setup(Ignored&&...) const {
        ::setpgid(0, 0);
        // It must not outlive us: the next run would find the machine changing under its hands.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent_) ::_exit(127);
        ::signal(SIGPIPE, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        close_the_rest_on_exec();
        return {};
    }
    // The launcher would call exit(), which runs our atexit handlers and flushes our buffers a second time.
    template <class... Ignored>
    void on_exec_error(Ignored&&...) const {
        ::_exit(127);
    }

   private:
    std::vector<const char*> environment_;
    pid_t parent_ = ::getpid();
};

// A program that does not read its input must not end us. Only this thread is touched.
class SigpipeBlocked {
   public:
    SigpipeBlocked() {
        sigset_t pending;
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~SigpipeBlocked() {
        const timespec now{};
        if (!was_pending_) ::sigtimedwait(&pipe_, nullptr, &now);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    SigpipeBlocked(const SigpipeBlocked&) = delete;
    SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

   private:
    sigset_t pipe_{}, before_{};
    bool was_pending_ = false;
};

// One output stream of the child.
class Capture {
   public:
    Capture(asio::io_context& io, std::size_t limit) : pipe_(io), limit_(limit) {}
    asio::readable_pipe& pipe() { return pipe_; }
    std::string take() { return keep_end(), std::move(text_); }

    void start() {
        pipe_.async_read_some(asio::buffer(buffer_), [this](const error_code& error, std::size_t count) {
            append(count);
            if (ended_)
                drain();
            else if (!error)
                start();
        });
    }
    /// The program is gone: what it wrote is still in the pipe; what a daemon of its writes later is not ours.
    void program_ended() {
        ended_ = true;
        error_code ignored;
        pipe_.cancel(ignored);
    }

   private:
    void drain() {
        ::fcntl(pipe_.native_handle(), F_SETFL, O_NONBLOCK);
        for (ssize_t count = 0; (count = ::read(pipe_.native_handle(), buffer_.data(), buffer_.size())) > 0;)
            append(static_cast<std::size_t>(count));
        error_code ignored;
        pipe_.close(ignored);
    }
    void append(std::size_t count) {
        text_.append(buffer_.data(), count);
        if (text_.size() > 2 * limit_) keep_end();
    }
    void keep_end() {
        if (text_.size() > limit_) text_.erase(0, text_.size() - limit_);
    }

    asio::readable_pipe pipe_;
    std::array<char, 16384> buffer_{};
    std::string text_;
    std::size_t limit_;
    bool ended_ = false;
};

class Running {
   public:
    Running(const Command& command, const SubprocessOptions& options)
        : command_(command),
          options_(options),
          input_(io_),
          out_(io_, options.output_limit),
          err_(io_, options.output_limit),
          timer_(io_) {}

    Result<CommandOutput> run() {
        const auto environment = environment_for(command_, options_);
        const std::string program = NB_TRY(find_program(command_.argv.front(), environment));
        error_code error;
        process::process child = launch(program, environment, error);
        if (error) return fail(system_error(error.value(), fmt::format("cannot start '{}'", program)));
        pid_ = child.id();
        out_.start();
        err_.start();
        feed();
        end_after(command_.timeout, ErrorKind::timeout);
        // Asked for from any thread; a stop requested before now fires here and now.
        const std::stop_callback on_stop(options_.stop,
                                         [this] { asio::post(io_, [this] { end(ErrorKind::cancelled); }); });
        child.async_wait([this](const error_code&, int) { ended(); });
        io_.run();
        const int status = child.native_exit_code();
        child.detach();
        if (why_ended_) return fail(ended_early());
        return CommandOutput{WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), out_.take(),
                             err_.take()};
    }

   private:
    process::process launch(const std::string& program, const std::vector<std::string>& environment,
                            error_code& error) {
        const std::vector<std::string> arguments(command_.argv.begin() + 1, command_.argv.end());
        const ChildSetup setup(environment);
        process::default_process_launcher launcher;
        if (command_.input)
            return launcher(io_.get_executor(), error, program, arguments, setup,
                            process::process_stdio{{input_}, {out_.pipe()}, {err_.pipe()}});
        return launcher(io_.get_executor(), error, program, arguments, setup,
                        process::process_stdio{{nullptr}, {out_.pipe()}, {err_.pipe()}});
    }

    // Straight from the Secret's own memory, so that no copy is left behind.
    void feed() {
        if (!command_.input) return;
        const auto bytes = command_.input->reveal();
        asio::async_write(input_, asio::buffer(bytes.data(), bytes.size()), [this](const error_code&, std::size_t) {
            error_code ignored;  // a program that does not want all of its input says so by its exit code
            input_.close(ignored);
        });
    }

    void end_after(Duration duration, ErrorKind why) {
        timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration));
        timer_.async_wait([this, why](const error_code& error) {
            if (!error) end(why);
        });
    }
    void end(ErrorKind why) {
        if (exited_ || why_ended_) return;
        why_ended_ = why;
        ::kill(-pid_, SIGTERM);
        timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(options_.kill_after));
        timer_.async_wait([this](const error_code& error) {
            if (!error) ::kill(-pid_, SIGKILL);
        });
    }
    void ended() {
        exited_ = true;
        if (why_ended_) ::kill(-pid_, SIGKILL);  // those of the group that did not care for SIGTERM
        timer_.cancel();
        out_.program_ended();
        err_.program_ended();
        error_code ignored;
        input_.close(ignored);
    }

    Error ended_early() {
        std::string said = err_.take();
        if (!command_.output_is_secret && said.find_first_not_of(" \n") == std::string::npos) said = out_.take();
        while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.pop_back();
        if (said.size() > 1000) said = "…" + said.substr(said.size() - 1000);
        const std::string what = *why_ended_ == ErrorKind::timeout
                                     ? fmt::format("did not end within {}", format_duration(command_.timeout))
                                     : std::string("was stopped");
        return {*why_ended_,
                fmt::format("'{}' {}{}{}", to_text(command_.argv), what, said.empty() ? "" : "; it last said: ", said),
                {},
                {}};
    }

    const Command& command_;
    const SubprocessOptions& options_;
    asio::io_context io_{1};
    asio::writable_pipe input_;
    Capture out_, err_;
    asio::steady_timer timer_;
    pid_t pid_ = -1;
    bool exited_ = false;
    std::optional<ErrorKind> why_ended_;
};

}  // namespace

Result<CommandOutput> run_process(const Command& command, const SubprocessOptions& options) {
    if (command.argv.empty()) return fail(ErrorKind::internal, "a command without a program");
    if (options.stop.stop_requested())
        return fail(ErrorKind::cancelled, fmt::format("'{}' was not started: stopped", to_text(command.argv)));
    const SigpipeBlocked guard;
    try {
        return Running(command, options).run();
    } catch (const std::exception& error) {  // Asio: no descriptors left, no memory
        return fail(ErrorKind::io, fmt::format("cannot run '{}': {}", to_text(command.argv), error.what()));
    }
}

}  // namespace nodeboot

#include "cli/signals.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/exit_code.hpp"

namespace nodeboot::cli {
namespace {

sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    // To block it would be to hear it again: a blocked signal is queued, ignored or not.
    struct sigaction hang_up {};
    if (::sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

StopOnSignal::StopOnSignal(std::stop_source source, std::function<void()> on_stop)
    : on_stop_(std::move(on_stop)), set_(stop_signals()) {
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signals_ = Fd(::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
    wake_ = Fd(::eventfd(0, EFD_CLOEXEC));
    if (signals_ && wake_)
        thread_ = std::thread([this, source] { watch(source); });
    else
        ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);  // then a signal ends the process as it always did
}

StopOnSignal::~StopOnSignal() {
    if (!thread_.joinable()) return;
    const eventfd_t one = 1;
    ::eventfd_write(wake_.get(), one);
    thread_.join();
    ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

void StopOnSignal::watch(std::stop_source source) const {
    pollfd waits[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    for (;;) {
        if (::poll(waits, 2, -1) < 0) continue;
        if (waits[1].revents != 0) return;
        signalfd_siginfo info{};
        if (::read(signals_.get(), &info, sizeof info) != sizeof info) continue;
        if (source.stop_requested()) {
            // A lost terminal sends it twice: the shell passes it on, and the kernel when the session's leader has ended.
            if (info.ssi_signo == SIGHUP) continue;
            ::_exit(exit_stopped);
        }
        source.request_stop();
        if (on_stop_) on_stop_();
    }
}

}  // namespace nodeboot::cli

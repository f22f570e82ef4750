#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace nodeboot::testing {

/// A name server on 127.0.0.1 over UDP that answers A questions as a test wants: "127.0.0.1", or an empty text for
/// silence. Other questions get an empty answer, unless the A question of the same moment would meet silence.
class NameServer {
   public:
    /// Called with the number of the A question, from 1.
    using Answer = std::function<std::string(int question)>;

    explicit NameServer(Answer answer);
    ~NameServer();
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    std::string address() const;  ///< "127.0.0.1:40123"
    int questions() const { return questions_; }

   private:
    void serve();

    Answer answer_;
    int socket_ = -1;
    std::atomic<int> questions_{0};
    std::thread thread_;
};

}  // namespace nodeboot::testing

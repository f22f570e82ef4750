#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "net/http.hpp"

namespace nodeboot::testing {

/// Scripted answers: `routes` by "METHOD url-without-query" first, then `script` one after the other. What was asked
/// is in `requests`, in order. An unexpected request is answered with an `internal` error that names it.
class FakeHttp final : public Http {
   public:
    using Answer = std::function<Result<HttpResponse>(const HttpRequest&)>;
    std::vector<std::pair<std::string, Answer>> routes;
    std::deque<Answer> script;
    std::vector<HttpRequest> requests;

    void route(std::string method_and_url, Answer answer) {
        routes.emplace_back(std::move(method_and_url), std::move(answer));
    }
    void then(Answer answer) { script.push_back(std::move(answer)); }
    void then(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers = {});
    void then(ErrorKind kind, std::string message);

    Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop = {}) override;

   private:
    std::mutex mutex_;
};

FakeHttp::Answer answer(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers = {});

/// The value of a header of a request, whichever list it is in; empty when absent.
std::string header_of(const HttpRequest& request, std::string_view name);

}  // namespace nodeboot::testing

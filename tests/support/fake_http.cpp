#include "support/fake_http.hpp"

namespace nodeboot::testing {

FakeHttp::Answer answer(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers) {
    return [=](const HttpRequest&) -> Result<HttpResponse> { return HttpResponse{status, headers, body}; };
}

void FakeHttp::then(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers) {
    then(answer(status, std::move(body), std::move(headers)));
}

void FakeHttp::then(ErrorKind kind, std::string message) {
    then([=](const HttpRequest&) -> Result<HttpResponse> { return fail(kind, message); });
}

Result<HttpResponse> FakeHttp::send(const HttpRequest& request, std::stop_token stop) {
    Answer chosen;
    {
        const std::lock_guard lock(mutex_);
        requests.push_back(request);
        if (stop.stop_requested()) return fail(ErrorKind::cancelled, "stopped");
        const std::string key = request.method + " " + request.url.substr(0, request.url.find('?'));
        for (const auto& [pattern, made] : routes)
            if (pattern == key) chosen = made;
        if (!chosen && !script.empty()) {
            chosen = std::move(script.front());
            script.pop_front();
        }
        if (!chosen) return fail(ErrorKind::internal, "unexpected request: " + key);
    }
    auto response = chosen(request);
    if (!response || !response->ok()) return response;
    if (request.on_headers) NB_CHECK(request.on_headers(*response));
    if (request.sink) {
        NB_CHECK(request.sink(response->body));
        response->body.clear();
    }
    return response;
}

std::string header_of(const HttpRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers)
        if (key == name) return value;
    for (const auto& [key, value] : request.secret_headers)
        if (key == name) return std::string(value.reveal());
    return {};
}

}  // namespace nodeboot::testing

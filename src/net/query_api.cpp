#include "net/query_api.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "net/aws_client.hpp"

namespace nodeboot {
namespace {

std::string api_version(const std::string& service) {
    if (service == "iam") return "2010-05-08";
    if (service == "sts") return "2011-06-15";
    return "2016-11-15";
}

std::string form(const std::string& service, const std::string& action, const QueryParameters& parameters) {
    std::string body = fmt::format("Action={}&Version={}", percent_encode(action), api_version(service));
    for (const auto& [name, value] : parameters)
        body += fmt::format("&{}={}", percent_encode(name), percent_encode(value));
    return body;
}

/// "InstanceId.1" names a resource, "Filter.1.Name" and "TagSpecification.1.ResourceType" do not.
bool names_a_resource(std::string_view name) {
    if (name.starts_with("Filter.") || name.starts_with("Tag") || name == "ClientToken") return false;
    while (!name.empty() && (name.back() == '.' || (name.back() >= '0' && name.back() <= '9'))) name.remove_suffix(1);
    static constexpr std::array<std::string_view, 4> endings{"Id", "Name", "CidrBlock", "Arn"};
    return std::any_of(endings.begin(), endings.end(), [&](auto ending) { return name.ends_with(ending); });
}

class HttpQueryApi final : public QueryApi {
   public:
    explicit HttpQueryApi(AwsClient& client) : client_(client) {}

    Result<std::variant<Xml, AwsFault>> call(const std::string& service, const std::string& action,
                                             const QueryParameters& parameters, const QueryOptions& options) override {
        AwsCall call;
        call.service = service;
        call.what = describe_call(service, action, parameters);
        call.request.method = "POST";
        call.request.url = "/";
        call.request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
        call.request.body = Secret(form(service, action, parameters));
        call.parse_fault = parse_xml_fault;
        call.repeatable = options.repeatable;
        call.patience = options.patience;
        call.stop = options.stop;
        Xml answer;
        call.accept = [&](const HttpResponse& response) -> Result<void> {
            auto xml = parse_xml(response.body);
            if (!xml)  // cut off on its way, or not AWS that answered
                return fail(ErrorKind::unavailable, "the answer is not readable: " + xml.error().text());
            answer = *std::move(xml);
            return {};
        };
        auto sent = NB_TRY(client_.send(call));
        if (auto* fault = std::get_if<AwsFault>(&sent)) return std::variant<Xml, AwsFault>(std::move(*fault));
        const std::string result = action + "Result";
        for (Xml& child : answer.children)
            if (child.name == result) return std::variant<Xml, AwsFault>(Xml(std::move(child)));
        return std::variant<Xml, AwsFault>(std::move(answer));
    }

   private:
    AwsClient& client_;
};

/// Where the next page starts, as the parameter that asks for it.
std::optional<std::pair<std::string, std::string>> next_page(const Xml& answer) {
    if (auto token = answer.text_at("nextToken"); !token.empty()) return std::pair("NextToken", std::move(token));
    if (answer.text_at("IsTruncated") == "true") return std::pair("Marker", answer.text_at("Marker"));
    return std::nullopt;
}

}  // namespace

std::unique_ptr<QueryApi> make_query_api(AwsClient& client) { return std::make_unique<HttpQueryApi>(client); }

std::string describe_call(const std::string& service, const std::string& action, const QueryParameters& parameters) {
    std::string out = service + " " + action;
    int named = 0;
    for (const auto& [name, value] : parameters)
        if (named < 2 && names_a_resource(name)) {
            out += " " + value;
            ++named;
        }
    return out;
}

Result<Xml> checked(QueryApi& api, const std::string& service, const std::string& action,
                    const QueryParameters& parameters, const QueryOptions& options) {
    auto answer = NB_TRY(api.call(service, action, parameters, options));
    if (const auto* fault = std::get_if<AwsFault>(&answer))
        return fail(fault_error(describe_call(service, action, parameters), *fault));
    return std::get<Xml>(std::move(answer));
}

Result<std::vector<Xml>> pages(QueryApi& api, const std::string& service, const std::string& action,
                               QueryParameters parameters, std::string_view item_path, const QueryOptions& options) {
    std::vector<Xml> items;
    const std::size_t own = parameters.size();
    for (std::string last;;) {
        const Xml page = NB_TRY(checked(api, service, action, parameters, options));
        for (const Xml* item : page.all(item_path)) items.push_back(*item);
        const auto next = next_page(page);
        if (!next) return items;
        if (next->second.empty() || next->second == last)
            return fail(ErrorKind::corrupted,
                        describe_call(service, action, parameters) + ": the answer leads to the same page again");
        last = next->second;
        parameters.resize(own);
        parameters.push_back(*next);
    }
}

AwsFault parse_xml_fault(const HttpResponse& response) {
    AwsFault fault;
    fault.status = response.status;
    fault.request_id = response.header("x-amzn-requestid").value_or(response.header("x-amz-request-id").value_or(""));
    if (const auto xml = parse_xml(response.body)) {
        const Xml* error = xml->name == "Error" ? &*xml : xml->find("Error");
        if (error == nullptr) error = xml->find("Errors/Error");
        if (error != nullptr) {
            fault.code = error->text_at("Code");
            fault.message = error->text_at("Message");
        }
        for (const auto* path : {"RequestID", "RequestId"})
            if (fault.request_id.empty()) fault.request_id = xml->text_at(path);
    }
    if (fault.code.empty()) fault.code = std::to_string(response.status);
    return fault;
}

}  // namespace nodeboot

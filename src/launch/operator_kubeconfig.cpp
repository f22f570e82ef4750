#include "launch/operator_kubeconfig.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/yaml.hpp"
#include "net/url.hpp"

namespace nodeboot {

Result<Secret> operator_kubeconfig(const Secret& admin_conf, const std::string& cluster, const std::string& address) {
    using Json = nlohmann::ordered_json;
    const auto no_files = [](const std::string&) -> Result<std::optional<std::string>> {
        return std::optional<std::string>{};
    };
    const auto admin = NB_TRY(parse_kubeconfig(admin_conf.reveal(), no_files, "the published kubeconfig"));
    const auto url = NB_TRY(parse_url(admin.server));
    const std::string user = cluster + "-admin";
    const Json document{
        {"apiVersion", "v1"},
        {"kind", "Config"},
        {"clusters", Json::array({{{"name", cluster},
                                   {"cluster",
                                    {{"server", fmt::format("https://{}:{}", address, url.port)},
                                     {"tls-server-name", "kubernetes"},
                                     {"certificate-authority-data", base64_encode(admin.ca_pem)}}}}})},
        {"users", Json::array({{{"name", user},
                                {"user",
                                 {{"client-certificate-data", base64_encode(admin.client_certificate_pem)},
                                  {"client-key-data", base64_encode(admin.client_key_pem.reveal())}}}}})},
        {"contexts", Json::array({{{"name", cluster}, {"context", {{"cluster", cluster}, {"user", user}}}}})},
        {"current-context", cluster},
    };
    return Secret(to_yaml(document));
}

}  // namespace nodeboot

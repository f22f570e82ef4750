#include "launch/access.hpp"
#include "net/ssm.hpp"

namespace nodeboot {
namespace {

class SsmParameters final : public ParameterStore {
   public:
    explicit SsmParameters(AwsClient& client) : ssm_(client) {}
    Result<std::optional<Secret>> get(const std::string& name) override { return ssm_.get(name); }
    Result<bool> put(const std::string& name, const Secret& value, bool overwrite) override {
        return ssm_.put(name, value, Ssm::Type::string, overwrite ? Ssm::Overwrite::yes : Ssm::Overwrite::no);
    }
    Result<void> remove(const std::string& name) override { return ssm_.remove(name); }
    Result<std::vector<std::string>> below(const std::string& path) override { return ssm_.names_below(path); }
    Result<std::optional<std::string>> get_public(const std::string& name) override { return ssm_.get_plain(name, {}); }

   private:
    Ssm ssm_;
};

}  // namespace

std::unique_ptr<ParameterStore> make_ssm_parameters(AwsClient& client) {
    return std::make_unique<SsmParameters>(client);
}

}  // namespace nodeboot

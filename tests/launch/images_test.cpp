#include "launch/images.hpp"

#include <gtest/gtest.h>

#include "support/fake_ec2.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using testing::element;

class ImagesTest : public ::testing::Test {
   protected:
    ImagesTest() {
        ec2_.images = {image("ami-0123456789abcdef0", "x86_64"), image("ami-0123456789abcdef1", "arm64"),
                       image("ami-0123456789abcdef2", "x86_64", "pending"),
                       image("ami-0123456789abcdef3", "x86_64", "available", "100")};
    }
    static Xml image(const std::string& id, const std::string& architecture, const std::string& state = "available",
                     const std::string& gib = "8") {
        return element(
            "item", {element("imageId", id), element("name", "name of " + id), element("architecture", architecture),
                     element("imageState", state), element("rootDeviceName", "/dev/xvda"),
                     element("blockDeviceMapping", {element("item", {element("deviceName", "/dev/sdb"),
                                                                     element("ebs", {element("volumeSize", "500")})}),
                                                    element("item", {element("deviceName", "/dev/xvda"),
                                                                     element("ebs", {element("volumeSize", gib)})})})});
    }
    Result<ChosenImage> choose() {
        const CloudView view(ec2_, clock_, {.cluster = "demo", .given = {}, .stop = {}});
        return choose_image(view, config_, [this](const std::string& name) -> Result<std::optional<std::string>> {
            asked_ = name;
            return parameter_;
        });
    }

    Config config_;
    testing::ManualClock clock_;
    testing::FakeEc2 ec2_{clock_};
    std::optional<std::string> parameter_ = "ami-0123456789abcdef0";
    std::string asked_;
};

TEST_F(ImagesTest, the_newest_published_image_is_taken_for_the_instances_architecture) {
    const auto chosen = choose();
    ASSERT_TRUE(chosen) << chosen.error().text();
    EXPECT_EQ(chosen->id, "ami-0123456789abcdef0");
    EXPECT_EQ(chosen->root_device, "/dev/xvda");
    EXPECT_NE(asked_.find("ubuntu/server/24.04/stable/current/amd64"), std::string::npos);
    config_.instances.control_plane_type = "t4g.medium";
    EXPECT_EQ(choose().error().text(), "image ami-0123456789abcdef0 is for x86_64, and t4g.medium needs arm64");
    parameter_ = "ami-0123456789abcdef1";
    EXPECT_EQ(choose()->id, "ami-0123456789abcdef1");
    EXPECT_NE(asked_.find("/arm64/"), std::string::npos);
    parameter_ = std::nullopt;
    EXPECT_EQ(choose().error().kind, ErrorKind::not_found);
}

TEST_F(ImagesTest, a_given_image_is_looked_at_before_anything_is_made) {
    config_.instances.ami = "ami-0123456789abcdef0";
    EXPECT_EQ(choose()->name, "name of ami-0123456789abcdef0");
    EXPECT_EQ(asked_, "");
    for (const auto& [id, why] : std::vector<std::pair<std::string, std::string>>{
             {"ami-0123456789abcdef1", "is for arm64"},
             {"ami-0123456789abcdef2", "is pending"},
             {"ami-0123456789abcdef3", "needs a root volume of 100 GiB"},
             {"ami-0123456789abcdeff", "does not exist in this region"},
         }) {
        config_.instances.ami = id;
        const auto bad = choose();
        EXPECT_EQ(bad.error().kind, ErrorKind::invalid_input);
        EXPECT_NE(bad.error().text().find(why), std::string::npos) << bad.error().text();
    }
}

}  // namespace
}  // namespace nodeboot

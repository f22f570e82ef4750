#include "phases/bundle.hpp"

#include <sys/utsname.h>

#include "net/sha256.hpp"
#include "phases/expect_plan.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot::testing {
namespace {

constexpr const char* archive = "/opt/demo.tar.zst";

class BundleUnpacking : public ::testing::Test {
   protected:
    BundleUnpacking() {
        node.config.kubernetes.source = Source::bundle;
        node.config.kubernetes.bundle = archive;
        node.host.put(archive, "packed");
        archive_info().modified = WallTime(std::chrono::hours(5));
    }
    FileInfo& archive_info() { return node.host.files[archive].info; }
    Lines plan() {
        const auto bundle = std::make_shared<const Bundle>(node.config.kubernetes.bundle);
        return planned(node, *make_bundle_phase(node.services, bundle));
    }
    FakeNode node;
};

TEST_F(BundleUnpacking, happens_once_and_again_when_the_archive_is_another) {
    const std::string change = std::string(archive) + ": ";
    EXPECT_EQ(plan(), Lines{change + "packed -> unpacked; unpack /opt/demo.tar.zst"});
    auto& unpacked = node.host.files["/var/lib/nodeboot/bundle/demo"];
    unpacked.info.type = FileInfo::Type::directory;
    unpacked.info.modified = archive_info().modified;
    EXPECT_EQ(plan(), Lines{});
    archive_info().modified += std::chrono::nanoseconds(1);
    EXPECT_EQ(plan(), Lines{change + "another one is unpacked -> unpacked; unpack /opt/demo.tar.zst"});
}

TEST_F(BundleUnpacking, looks_through_a_link_at_the_archive) {
    const std::string change = std::string(archive) + ": another one is unpacked -> unpacked; unpack " + archive;
    node.host.put("/opt/demo-1.tar.zst", "packed");
    node.host.put("/opt/demo-2.tar.zst", "packed later");
    node.host.files["/opt/demo-1.tar.zst"].info.modified = WallTime(std::chrono::hours(1));
    node.host.files["/opt/demo-2.tar.zst"].info.modified = WallTime(std::chrono::hours(2));
    ASSERT_TRUE(node.host.make_symlink("/opt/newest.tar.zst", "/opt/demo-1.tar.zst"));
    ASSERT_TRUE(node.host.make_symlink(archive, "newest.tar.zst"));
    auto& unpacked = node.host.files["/var/lib/nodeboot/bundle/demo"];
    unpacked.info.type = FileInfo::Type::directory;
    unpacked.info.modified = WallTime(std::chrono::hours(1));
    EXPECT_EQ(plan(), Lines{});
    ASSERT_TRUE(node.host.make_symlink("/opt/newest.tar.zst", "demo-2.tar.zst"));
    EXPECT_EQ(plan(), Lines{change});
    unpacked.info.modified = WallTime(std::chrono::hours(2));
    EXPECT_EQ(plan(), Lines{});

    node.host.files.erase("/opt/demo-2.tar.zst");
    ASSERT_EQ(plan().size(), 1U);
    EXPECT_NE(plan().front().find("/opt/demo.tar.zst is a link to /opt/demo-2.tar.zst, which does not exist"),
              std::string::npos)
        << plan().front();
    ASSERT_TRUE(node.host.make_symlink("/opt/newest.tar.zst", archive));
    ASSERT_EQ(plan().size(), 1U);
    EXPECT_NE(plan().front().find("too many links"), std::string::npos) << plan().front();
}

TEST_F(BundleUnpacking, is_not_for_folders_nor_for_other_sources) {
    node.config.kubernetes.bundle = "/opt/demo";
    node.host.put("/opt/demo", "");
    EXPECT_EQ(plan(), Lines{});
    node.config.kubernetes.bundle = archive;
    node.config.kubernetes.source = Source::repository;
    EXPECT_EQ(plan(), Lines{});
}

TEST_F(BundleUnpacking, wants_the_archive_to_be_there) {
    node.host.files.erase(archive);
    ASSERT_EQ(plan().size(), 1U);
    EXPECT_NE(plan().front().find("/opt/demo.tar.zst does not exist"), std::string::npos) << plan().front();
}

TEST_F(BundleUnpacking, refuses_a_bundle_of_another_version_before_anything_comes_from_it) {
    BundleManifest manifest;
    manifest.kubernetes = {1, 33, 5};
    manifest.arch = "amd64";
    node.config.kubernetes.version = {1, 35, std::nullopt};
    node.config.kubernetes.bundle = "/opt/demo";
    node.host.put("/opt/demo/manifest.json", serialise(manifest));
    const std::string refusal = " holds Kubernetes 1.33.5, but kubernetes.version is 1.35";
    ASSERT_EQ(plan().size(), 1U);
    EXPECT_EQ(plan().front().find("error: the bundle /opt/demo" + refusal), 0U) << plan().front();

    node.config.kubernetes.bundle = archive;  // once it is unpacked
    auto& unpacked = node.host.files["/var/lib/nodeboot/bundle/demo"];
    unpacked.info.type = FileInfo::Type::directory;
    node.host.put("/var/lib/nodeboot/bundle/demo/manifest.json", serialise(manifest));
    EXPECT_EQ(plan(), Lines{std::string(archive) + ": another one is unpacked -> unpacked; unpack " + archive});
    unpacked.info.modified = archive_info().modified;
    ASSERT_EQ(plan().size(), 1U);
    EXPECT_EQ(plan().front().find("error: the bundle " + std::string(archive) + refusal), 0U) << plan().front();

    for (const Version& fine : {Version{1, 33, std::nullopt}, Version{1, 33, 5}}) {
        node.config.kubernetes.version = fine;
        EXPECT_EQ(plan(), Lines{});
    }
    node.config.kubernetes.version = {1, 33, 4};
    EXPECT_EQ(plan().size(), 1U);
    node.config.kubernetes.source = Source::repository;  // containerd alone comes from it
    node.config.containerd.source = ContainerdSource::bundle;
    EXPECT_EQ(plan(), Lines{});
}

TEST(BundleInstalling, leaves_the_flannel_plugin_to_flannels_pod_once_there_is_one) {
    FakeNode node;
    BundleManifest manifest;
    manifest.kubernetes = *parse_version("1.36.0");
    manifest.arch = "amd64";
    for (const char* path : {"cni/bridge", "cni/flannel"})
        manifest.files.push_back({.path = path,
                                  .kind = BundleKind::cni,
                                  .sha256 = std::string(64, '0'),
                                  .size = 7,
                                  .mode = 0755,
                                  .refs = {}});
    node.host.put("/opt/demo/manifest.json", serialise(manifest));
    const Bundle bundle("/opt/demo");
    const auto plan = [&] {
        std::vector<NodeChange> changes;
        EXPECT_TRUE(bundle.want_installed(changes, node.host, BundleKind::cni));
        Lines subjects;
        for (const auto& change : changes) subjects.push_back(change.subject);
        return subjects;
    };
    EXPECT_EQ(plan(), (Lines{"/opt/cni/bin/bridge", "/opt/cni/bin/flannel"}));
    node.host.put("/opt/cni/bin/bridge", "another one");
    node.host.put("/opt/cni/bin/flannel", "another one");
    EXPECT_EQ(plan(), Lines{"/opt/cni/bin/bridge"});
}

/// A folder with one real file, /usr/bin/kubelet's, whose content is `content`.
class BundleOfOneFile {
   public:
    explicit BundleOfOneFile(const std::string& content) {
        folder.put("bin/kubelet", content);
        BundleManifest manifest;
        manifest.kubernetes = *parse_version("1.36.0");
        manifest.arch = machine();
        manifest.files.push_back({.path = "bin/kubelet",
                                  .kind = BundleKind::binary,
                                  .sha256 = sha256_hex(content),
                                  .size = content.size(),
                                  .mode = 0755,
                                  .refs = {}});
        text = serialise(manifest);
        folder.put("manifest.json", text);
    }
    /// As the machine in memory sees it, too.
    void appear(FakeHost& host, const std::string& content) const {
        host.put((folder / "manifest.json").string(), text);
        host.put((folder / "bin/kubelet").string(), content);
    }
    TemporaryFolder folder;
    std::string text;

   private:
    static std::string machine() {
        utsname names{};
        uname(&names);
        return names.machine == std::string("aarch64") ? "arm64" : "amd64";
    }
};

class BundleInstalled : public ::testing::Test {
   protected:
    BundleInstalled() { node.host.now = node.clock.wall(); }
    std::vector<NodeChange> changes(const BundleOfOneFile& files) {
        bundle = std::make_unique<Bundle>(files.folder.path().string());
        std::vector<NodeChange> list;
        const auto done = bundle->want_installed(list, node.host, BundleKind::binary);
        EXPECT_TRUE(done) << done.error().text();
        return list;
    }
    void install(const BundleOfOneFile& files) {
        auto step = node.step();
        ActionContext context{node.host, step};
        for (const auto& change : changes(files)) {
            const auto done = perform(change.action, context);
            EXPECT_TRUE(done) << done.error().text();
        }
        node.host.now += std::chrono::minutes(1);
    }
    FakeNode node;
    std::unique_ptr<Bundle> bundle;
};

constexpr const char* kubelet = "/usr/bin/kubelet";

TEST_F(BundleInstalled, a_file_of_another_bundle_is_another_also_when_it_is_as_long) {
    const BundleOfOneFile first("kubelet 1.35.1"), second("kubelet 1.35.2");
    first.appear(node.host, "kubelet 1.35.1");
    second.appear(node.host, "kubelet 1.35.2");
    install(first);
    EXPECT_EQ(changes(first).size(), 0U);
    ASSERT_EQ(changes(second).size(), 1U);
    EXPECT_EQ(changes(second)[0].subject, kubelet);
    EXPECT_EQ(changes(second)[0].from, "another file of 14 bytes");
    EXPECT_EQ(changes(second)[0].to, "the bundle's");
    install(second);
    EXPECT_EQ(node.host.content(kubelet), "kubelet 1.35.2");
    EXPECT_EQ(changes(second).size(), 0U);
    EXPECT_EQ(changes(first).size(), 1U);
}

TEST_F(BundleInstalled, a_file_that_was_written_to_since_is_installed_again) {
    const BundleOfOneFile files("kubelet 1.35.1");
    files.appear(node.host, "kubelet 1.35.1");
    install(files);
    node.host.put(kubelet, "kubelet !.35.1", 0755);
    install(files);
    EXPECT_EQ(node.host.content(kubelet), "kubelet 1.35.1");
    node.host.files[kubelet].info.mode = 0700;  // its mode alone is no reason to
    ASSERT_EQ(changes(files).size(), 1U);
    EXPECT_EQ(describe(changes(files)[0].action), "chmod /usr/bin/kubelet to 0755");
}

TEST_F(BundleInstalled, a_damaged_list_of_what_was_installed_means_installing_again) {
    const BundleOfOneFile files("kubelet 1.35.1");
    files.appear(node.host, "kubelet 1.35.1");
    install(files);
    for (const char* damaged : {"", "{", "[]", "{\"files\": 3}", "{\"/usr/bin/kubelet\": {\"sha256\": 1}}"}) {
        node.host.put("/var/lib/nodeboot/bundle/installed-binary.json", damaged);
        EXPECT_EQ(changes(files).size(), 1U) << damaged;
        install(files);
        EXPECT_EQ(changes(files).size(), 0U) << damaged;
    }
}

}  // namespace
}  // namespace nodeboot::testing

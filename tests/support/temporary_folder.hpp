#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace nodeboot::testing {

/// A folder of its own for one test, removed with all in it.
class TemporaryFolder {
   public:
    TemporaryFolder() {
        std::string pattern = std::filesystem::temp_directory_path() / "nodeboot-test-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    void put(const std::string& name, const std::string& content) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << content;
    }
    std::string content(const std::string& name) const {
        std::ostringstream out;
        out << std::ifstream(path_ / name, std::ios::binary).rdbuf();
        return out.str();
    }

   private:
    std::filesystem::path path_;
};

}  // namespace nodeboot::testing

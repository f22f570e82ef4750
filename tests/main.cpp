// The entry point of every unit test executable.
#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>

int main(int argc, char** argv) {
    // Developers' machines preset these; a test that needs one sets it.
    for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
                             "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"}) {
        ::unsetenv(name);
    }
    std::signal(SIGPIPE, SIG_IGN);
    ::testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}

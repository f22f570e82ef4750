// Keeps the host's name service out of the static binary. glibc's own getaddrinfo and friends load the host's
// NSS modules at run time, which crashes a static program when their glibc is another one
// (docs/decisions/0001). libcurl resolves through c-ares; what still refers to these functions (OpenSSL's
// BIO, c-ares' service names, gtest) never needs an answer, so each of them fails. They are linked in every
// preset, so that a call that would fail on a node fails in the tests too.
#include <dlfcn.h>
#include <netdb.h>

#include <cerrno>

extern "C" {

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo** result) {
    *result = nullptr;
    return EAI_FAIL;
}

void freeaddrinfo(addrinfo*) noexcept {}

int getnameinfo(const sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int) { return EAI_FAIL; }

hostent* gethostbyname(const char*) {
    h_errno = NO_RECOVERY;
    return nullptr;
}

servent* getservbyname(const char*, const char*) { return nullptr; }

int getservbyname_r(const char*, const char*, servent*, char*, size_t, servent** result) {
    *result = nullptr;
    return ENOENT;
}

int getservbyport_r(int, const char*, servent*, char*, size_t, servent** result) {
    *result = nullptr;
    return ENOENT;
}

// Reached through -Wl,--wrap= in static builds alone: there is nothing that a static program could load.
void* __wrap_dlopen(const char*, int) { return nullptr; }
void* __wrap_dlsym(void*, const char*) { return nullptr; }
int __wrap_dlclose(void*) { return -1; }
char* __wrap_dlerror() { return nullptr; }
int __wrap_dladdr(const void*, void*) { return 0; }

}  // extern "C"

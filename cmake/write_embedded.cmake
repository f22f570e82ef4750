# Run by embed.cmake at build time. Bytes as numbers: no file content can break the literal.
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
string(REGEX REPLACE "(('....',)('....',)('....',)('....',)('....',)('....',)('....',)('....',))" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}" "#include <string_view>
namespace nodeboot::embedded {
extern const std::string_view ${IDENTIFIER};
static const char data[] = {${bytes}
'\\0'};
const std::string_view ${IDENTIFIER}(data, sizeof data - 1);
}  // namespace nodeboot::embedded
")

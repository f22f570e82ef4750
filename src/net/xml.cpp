#include "net/xml.hpp"

#include <expat.h>
#include <fmt/core.h>

#include <memory>

namespace nodeboot {
namespace {

constexpr std::size_t deepest = 64;
constexpr std::size_t longest = std::size_t{64} << 20;

/// Builds the tree while expat reads. A pointer in `open_` stays good: only the innermost element's children move.
class Builder {
   public:
    explicit Builder(XML_Parser parser) : parser_(parser) {
        XML_SetUserData(parser, this);
        XML_SetElementHandler(parser, &Builder::on_start, &Builder::on_end);
        XML_SetCharacterDataHandler(parser, &Builder::on_text);
        XML_SetStartDoctypeDeclHandler(parser, &Builder::on_doctype);
    }

    Xml root;
    std::string refused;

   private:
    void refuse(std::string why) {
        refused = std::move(why);
        XML_StopParser(parser_, XML_FALSE);
    }

    static void XMLCALL on_start(void* data, const XML_Char* name, const XML_Char**) {
        auto& self = *static_cast<Builder*>(data);
        if (self.open_.size() == deepest) return self.refuse(fmt::format("nested deeper than {} elements", deepest));
        Xml* element = self.open_.empty() ? &self.root : &self.open_.back()->children.emplace_back();
        element->name = name;
        self.open_.push_back(element);
    }

    static void XMLCALL on_end(void* data, const XML_Char*) {
        auto& self = *static_cast<Builder*>(data);
        if (!self.open_.back()->children.empty()) self.open_.back()->text.clear();  // line breaks between them
        self.open_.pop_back();
    }

    static void XMLCALL on_text(void* data, const XML_Char* bytes, int length) {
        auto& self = *static_cast<Builder*>(data);
        if (!self.open_.empty()) self.open_.back()->text.append(bytes, static_cast<std::size_t>(length));
    }

    static void XMLCALL on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        static_cast<Builder*>(data)->refuse("it declares a document type");
    }

    XML_Parser parser_;
    std::vector<Xml*> open_;
};

/// Calls `visit` for each match until it returns false. False when it did.
template <class Visit>
bool walk(const Xml& element, std::string_view path, const Visit& visit) {
    const auto slash = path.find('/');
    const auto name = path.substr(0, slash);
    for (const Xml& child : element.children) {
        if (child.name != name) continue;
        const bool go_on = slash == std::string_view::npos ? visit(child) : walk(child, path.substr(slash + 1), visit);
        if (!go_on) return false;
    }
    return true;
}

}  // namespace

const Xml* Xml::find(std::string_view path) const {
    const Xml* found = nullptr;
    walk(*this, path, [&](const Xml& match) {
        found = &match;
        return false;
    });
    return found;
}

std::string Xml::text_at(std::string_view path) const {
    const Xml* found = find(path);
    return found != nullptr ? found->text : std::string();
}

std::vector<const Xml*> Xml::all(std::string_view path) const {
    std::vector<const Xml*> found;
    walk(*this, path, [&](const Xml& match) {
        found.push_back(&match);
        return true;
    });
    return found;
}

Result<Xml> parse_xml(std::string_view text) {
    if (text.size() > longest) return fail(ErrorKind::corrupted, fmt::format("XML: longer than {} bytes", longest));
    const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate("UTF-8"),
                                                                              &XML_ParserFree);
    if (parser == nullptr) return fail(ErrorKind::internal, "XML: out of memory");
    Builder builder(parser.get());
    const auto status = XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    if (status == XML_STATUS_OK) return std::move(builder.root);
    const std::string why =
        !builder.refused.empty() ? builder.refused : XML_ErrorString(XML_GetErrorCode(parser.get()));
    return fail(ErrorKind::corrupted, fmt::format("XML: line {}: {}", XML_GetCurrentLineNumber(parser.get()), why));
}

}  // namespace nodeboot

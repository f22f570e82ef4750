#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nodeboot {

/// An element of a parsed answer: its name, its text and its child elements. Attributes and namespaces are left out,
/// AWS's answers say nothing with them. Everything is copied out of the document.
struct Xml {
    std::string name;
    std::string text;  ///< as written, entities resolved; empty where there are child elements
    std::vector<Xml> children;

    /// The first match below this element, "vpc/vpcId"; nullptr when there is none.
    const Xml* find(std::string_view path) const;
    /// The text of the first match, "" when there is none.
    std::string text_at(std::string_view path) const;
    /// Every match in the document's order, "vpcSet/item". They point into this element.
    std::vector<const Xml*> all(std::string_view path) const;
};

/// `corrupted` when the text is not one well-formed document in UTF-8, holds a document type declaration (what entity
/// attacks need), nests deeper than 64 elements or is longer than 64 MiB. By expat.
Result<Xml> parse_xml(std::string_view text);

}  // namespace nodeboot

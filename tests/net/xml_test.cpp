#include "net/xml.hpp"

#include <gtest/gtest.h>

#include <random>

namespace nodeboot {
namespace {

const std::string vpcs = R"(<?xml version="1.0" encoding="UTF-8"?>
<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>r-1</requestId>
    <vpcSet>
        <item><state>pending</state></item>
        <item><vpcId>vpc-1</vpcId><tagSet><item><key>Name</key><value>a &amp; b</value></item></tagSet></item>
        <item><vpcId>vpc-2</vpcId><tagSet/></item>
    </vpcSet>
</DescribeVpcsResponse>
)";

TEST(Xml, an_answer_is_read_by_paths) {
    const auto xml = parse_xml(vpcs);
    ASSERT_TRUE(xml) << xml.error().text();
    EXPECT_EQ(xml->name, "DescribeVpcsResponse");
    EXPECT_EQ(xml->text, "");
    EXPECT_EQ(xml->text_at("requestId"), "r-1");
    EXPECT_EQ(xml->all("vpcSet/item").size(), 3u);
    EXPECT_EQ(xml->text_at("vpcSet/item/vpcId"), "vpc-1");  // the first that matches whole
    EXPECT_EQ(xml->all("vpcSet/item")[1]->text_at("tagSet/item/value"), "a & b");
    EXPECT_EQ(xml->find("vpcSet/item/tagSet/item/colour"), nullptr);
    EXPECT_EQ(xml->text_at("nothing/here"), "");
    EXPECT_TRUE(xml->all("vpcSet/thing").empty());
    EXPECT_EQ(xml->find(""), nullptr);
}

TEST(Xml, text_is_kept_as_written) {
    EXPECT_EQ(parse_xml("<a> x\n&lt;&#x41;<![CDATA[<b>]]> </a>")->text, " x\n<A<b> ");
    EXPECT_EQ(parse_xml("<a>é\u1234</a>")->text, "é\u1234");
}

TEST(Xml, what_is_not_one_whole_document_is_refused) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "no element"},
        {"<html", "unclosed token"},
        {"<a><b></a>", "mismatched tag"},
        {"<a/><b/>", "junk after document"},
        {"{\"a\":1}", "not well-formed"},
        {vpcs.substr(0, vpcs.size() / 2), ""},
        {"<a>\xff\xfe</a>", "not well-formed"},
        {"<a>&nbsp;</a>", "undefined entity"},
        {"<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", "declares a document type"},
        {"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "declares a document type"},
    };
    for (const auto& [text, why] : cases) {
        const auto xml = parse_xml(text);
        ASSERT_FALSE(xml) << text;
        EXPECT_EQ(xml.error().kind, ErrorKind::corrupted) << text;
        EXPECT_NE(xml.error().text().find(why), std::string::npos) << xml.error().text();
    }
}

TEST(Xml, depth_and_size_are_bounded) {
    const auto nested = [](int depth) {
        std::string text;
        for (int i = 0; i < depth; ++i) text += "<a>";
        for (int i = 0; i < depth; ++i) text += "</a>";
        return text;
    };
    EXPECT_TRUE(parse_xml(nested(64)));
    EXPECT_NE(parse_xml(nested(65)).error().text().find("deeper than 64"), std::string::npos);
    EXPECT_FALSE(parse_xml("<a>" + std::string(std::size_t{64} << 20, ' ') + "</a>"));
}

TEST(Xml, damaged_answers_are_errors_and_nothing_worse) {
    std::mt19937 random(20261125);  // NOLINT: the same cases each time
    for (int round = 0; round < 20000; ++round) {
        std::string text = vpcs;
        for (unsigned n = random() % 4 + 1; n > 0; --n) {
            const auto at = random() % text.size();
            switch (random() % 3) {
                case 0: text[at] = static_cast<char>(random() % 256); break;
                case 1: text.erase(at, random() % 8 + 1); break;
                default: text.insert(at, text.substr(random() % text.size(), random() % 16)); break;
            }
            if (text.empty()) break;
        }
        const auto xml = parse_xml(text);
        EXPECT_TRUE(xml || xml.error().kind == ErrorKind::corrupted) << text;
    }
}

}  // namespace
}  // namespace nodeboot

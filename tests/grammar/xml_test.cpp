// XML after an example, under a schema, and any that is well formed.
#include <gtest/gtest.h>

#include <string>

#include "byte_vocabulary.h"
#include "grammar/compile.h"
#include "grammar/xml_document.h"

namespace mlxserving::grammar {
namespace {

using Form = XmlConstraint::Form;

std::shared_ptr<Grammar> xml(Form form, const std::string& document = {}) {
  const auto compiled = compile(XmlConstraint{form, document}, byte_vocabulary());
  EXPECT_TRUE(compiled.ok()) << compiled.error().message;
  return compiled.ok() ? *compiled : nullptr;
}

TEST(XmlModel, follows_the_example) {
  const auto grammar = xml(Form::model, R"(<?xml version="1.0"?>
    <employee id="integer">
      <name>string</name>
      <role>enum(dev|ops)</role>
      <manager x-optional="true"/>
      <phone>regex(/\d{3}/)</phone><phone>regex(/\d{3}/)</phone>
      <active>boolean</active>
    </employee>)");
  const std::string head = "<?xml version=\"1.0\"?>\n<employee id=\"7\">";
  const std::string tail = "<active>true</active></employee>";
  for (const char* middle : {"<name>A &amp; B</name><role>dev</role><phone>123</phone>",
                             "\n  <name></name>\n  <role>ops</role><manager/><phone>123</phone>\n<phone>456</phone>"})
    EXPECT_TRUE(accepts(grammar, head + middle + tail)) << middle;
  for (const char* middle :
       {"<name>A & B</name><role>dev</role><phone>123</phone>", "<name>A</name><role>boss</role><phone>123</phone>",
        "<role>dev</role><name>A</name><phone>123</phone>", "<name>A</name><role>dev</role>"})
    EXPECT_FALSE(accepts(grammar, head + middle + tail)) << middle;
}

TEST(XmlModel, refuses_documents_that_are_not_well_formed_naming_the_line) {
  for (const char* document : {"", "<a>", "<a></b>", "<a x=1/>", "<a>&b;</a>", "<a/><b/>", "<a x='1' x='2'/>",
                               "<!DOCTYPE a><a/>", "<a>text<b/></a>", "<a x-min=\"2\" x-max=\"1\"/>x"}) {
    const auto compiled = compile(XmlConstraint{Form::model, document}, byte_vocabulary());
    ASSERT_FALSE(compiled.ok()) << document;
    EXPECT_NE(compiled.error().message.find("line"), std::string::npos) << compiled.error().message;
  }
}

constexpr const char* kSchema = R"(<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="order"><xs:complexType>
    <xs:sequence>
      <xs:element name="item" type="Item" maxOccurs="unbounded"/>
      <xs:choice minOccurs="0"><xs:element name="cash" type="Empty"/><xs:element name="card" type="Card"/></xs:choice>
      <xs:element ref="note" minOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="id" type="xs:positiveInteger" use="required"/>
    <xs:attribute name="lang" type="xs:language"/>
  </xs:complexType></xs:element>
  <xs:element name="note" type="xs:string"/>
  <xs:complexType name="Empty"/>
  <xs:complexType name="Base"><xs:sequence><xs:element name="sku" type="Sku"/></xs:sequence></xs:complexType>
  <xs:complexType name="Item"><xs:complexContent><xs:extension base="Base">
    <xs:sequence><xs:element name="count"><xs:simpleType><xs:restriction base="xs:integer">
      <xs:minInclusive value="1"/><xs:maxInclusive value="99"/></xs:restriction></xs:simpleType></xs:element>
      <xs:element name="item" type="Item" minOccurs="0"/></xs:sequence>
  </xs:extension></xs:complexContent></xs:complexType>
  <xs:simpleType name="Sku"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{2}\d"/></xs:restriction></xs:simpleType>
  <xs:complexType name="Card"><xs:simpleContent><xs:extension base="xs:string">
    <xs:attribute name="valid" type="xs:date" use="required"/></xs:extension></xs:simpleContent></xs:complexType>
</xs:schema>)";

TEST(XmlSchema, holds_types_counts_choices_and_extensions) {
  const auto grammar = xml(Form::schema, kSchema);
  const std::string item = "<item><sku>AB1</sku><count>12</count></item>";
  for (const std::string& text :
       {"<order id=\"1\">" + item + "</order>",
        "<order id=\"12\" lang=\"en\">\n " + item + item +
            "<card valid=\"2024-02-29\">x</card><note>a</note>\n</order>",
        std::string("<order id=\"1\"><item><sku>AB1</sku><count>1</count>" + item + "</item><cash></cash></order>")})
    EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const std::string& text :
       {"<order>" + item + "</order>", "<order id=\"0\">" + item + "</order>", std::string("<order id=\"1\"></order>"),
        std::string("<order id=\"1\"><item><sku>AB1</sku><count>100</count></item></order>"),
        "<order id=\"1\">" + item + "<cash></cash><card valid=\"2024-02-29\">x</card></order>",
        "<order id=\"1\">" + item + "<card valid=\"2023-02-29\">x</card></order>"})
    EXPECT_FALSE(accepts(grammar, text)) << text;
}

TEST(XmlSchema, refuses_what_it_does_not_hold) {
  const std::string open = "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">";
  for (const char* body :
       {"<xs:element name=\"a\" type=\"xs:IDREF\"/>", "<xs:element name=\"a\"/>", "<xs:element name=\"a\" type=\"B\"/>",
        "<xs:element name=\"a\"><xs:complexType><xs:sequence><xs:any/></xs:sequence></xs:complexType></xs:element>",
        ""}) {
    const auto compiled = compile(XmlConstraint{Form::schema, open + body + "</xs:schema>"}, byte_vocabulary());
    ASSERT_FALSE(compiled.ok()) << body;
  }
}

TEST(XmlWellFormed, end_tags_name_what_was_opened_and_attributes_come_once) {
  const auto grammar = xml(Form::well_formed);
  for (const char* text : {"<a/>", "<a></a>", "<a b=\"1\" c=\"&lt;\">x<b>y</b><b/> z</a>", "<ab><a></a></ab>"})
    EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const char* text : {"", "a", "<a>", "<a></b>", "<a><b></a></b>", "<a b=\"1\" b=\"2\"/>", "<a>&</a>", "<a/><b/>",
                           "<a b=1/>", "<ab></a>", "<a>]]></a>"})
    EXPECT_FALSE(accepts(grammar, text)) << text;
}

}  // namespace
}  // namespace mlxserving::grammar

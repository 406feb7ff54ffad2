// XML as a tree, for the documents and schemas that constraints are made of. Well-formed XML 1.0 without a DTD.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::grammar {

struct XmlNode {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;  // in order, references resolved
  std::vector<XmlNode> children;                                // elements; comments and instructions are left out
  std::string text;                                             // all character data, trimmed of white space
  bool has_cdata = false;
  size_t line = 0;

  // The value, or nullptr.
  const std::string* attribute(std::string_view name) const;
};

struct XmlDocument {
  bool has_declaration = false;
  XmlNode root;
};

struct XmlLimits {
  size_t bytes_max = size_t{1} << 20;
  int depth_max = 100;
  size_t nodes_max = 50'000;
  size_t attributes_max = 256;  // of one element
};

// Errors: invalid_request naming the line; resource_exhausted.
Result<XmlDocument> parse_xml(std::string_view text, const XmlLimits& limits = {});

bool is_xml_space(char c);

}  // namespace mlxserving::grammar

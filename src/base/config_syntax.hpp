#pragma once

#include <string>
#include <string_view>

namespace nodeboot::syntax {

/// What one value of the config must look like. Each function returns what is wrong with `text`, for a person, or
/// nothing when it is well-formed. Pure; nothing is looked up or opened.
using Problem = std::string;
using Check = Problem (*)(std::string_view text);

Problem label_name(std::string_view text);   ///< RFC 1123 label: at most 63 of a-z 0-9 -
Problem subdomain(std::string_view text);    ///< RFC 1123 labels joined by dots, at most 253
Problem node_name(std::string_view text);    ///< a subdomain of at most 63, it becomes the label kubernetes.io/hostname
Problem region(std::string_view text);       ///< "eu-central-1"
Problem user_name(std::string_view text);    ///< login name, useradd(8)
Problem label_key(std::string_view text);    ///< Kubernetes label key: [prefix/]name
Problem label_value(std::string_view text);  ///< Kubernetes label value, may be empty
Problem host_and_port(std::string_view text);  ///< host[:port]
Problem san(std::string_view text);            ///< IP address or DNS name, a leading "*." allowed
Problem ip_address(std::string_view text);     ///< IPv4 or IPv6
Problem ip_or_name(std::string_view text);
Problem ipv4_range(std::string_view text);         ///< "10.0.1.0/24", no host bits
Problem availability_zone(std::string_view text);  ///< "eu-central-1a"
Problem vpc_id(std::string_view text);             ///< "vpc-" and 8 or 17 hex digits
Problem subnet_id(std::string_view text);
Problem ami_id(std::string_view text);
Problem iam_name(std::string_view text);     ///< of a role or instance profile
Problem policy_arn(std::string_view text);   ///< "arn:aws:iam::123456789012:policy/name"
Problem bucket_name(std::string_view text);  ///< S3's rules, without dots
Problem sha256(std::string_view text);       ///< 64 lower-case hex digits
Problem https_url(std::string_view text);
Problem public_key_or_path(std::string_view text);  ///< "ssh-ed25519 AAAA… [comment]", ssh-rsa, or an absolute path
Problem instance_type(std::string_view text);       ///< "t3.medium"
Problem tag_key(std::string_view text);             ///< of AWS; not ours (nodeboot.io/), not AWS's own (aws:)
Problem tag_value(std::string_view text);
Problem image(std::string_view text);             ///< image reference with a tag or digest
Problem image_repository(std::string_view text);  ///< registry[:port][/path]
Problem registry_host(std::string_view text);     ///< registry[:port], or "*" for all
Problem web_url(std::string_view text);           ///< http:// or https://, no credentials
Problem package_url(std::string_view text);       ///< a web_url, in which "{minor}" stands for "1.35"
Problem url_or_path(std::string_view text);
Problem guarded_url(std::string_view text);  ///< https, or http to loopback and link-local addresses only
Problem absolute_path(std::string_view text);
Problem sysctl_name(std::string_view text);  ///< dots or slashes, below a folder of /proc/sys
Problem one_line(std::string_view text);     ///< not empty, no control characters
Problem module_name(std::string_view text);
Problem argument_name(std::string_view text);  ///< of a command-line flag, without "--"
Problem word(std::string_view text);           ///< letters, digits, - _ . and nothing else
Problem quantity(std::string_view text);       ///< Kubernetes quantity above zero
Problem quantity_or_percent(std::string_view text);

}  // namespace nodeboot::syntax

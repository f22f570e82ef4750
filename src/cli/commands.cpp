#include "cli/commands.hpp"

#include "base/config_syntax.hpp"
#include "base/duration.hpp"
#include "base/lines.hpp"

namespace nodeboot::cli {
namespace {

using Text = const std::string&;

void add_names(std::set<std::string>& names, Text list) {
    for (const auto name : parts_of(list, ','))
        if (!name.empty()) names.emplace(name);
}

template <auto Field>
std::string set_text(Invocation& invocation, Text value) {
    invocation.*Field = value;
    return value.empty() ? "must not be empty" : "";
}

template <auto Field>
std::string set_flag(Invocation& invocation, Text) {
    invocation.*Field = true;
    return {};
}

template <auto Field>
std::string set_duration(Invocation& invocation, Text value) {
    const auto parsed = parse_duration(value);
    if (!parsed) return parsed.error().message;
    invocation.*Field = *parsed;
    return {};
}

template <auto Field>
std::string set_names(Invocation& invocation, Text value) {
    add_names(invocation.selection.*Field, value);
    return (invocation.selection.*Field).empty() ? "names no phase" : "";
}

template <auto Field>
std::string set_bundle(Invocation& invocation, Text value) {
    invocation.bundle.*Field = value;
    return value.empty() ? "must not be empty" : "";
}

std::string set_arch(Invocation& invocation, Text value) {
    invocation.bundle.arch = value;
    return value == "amd64" || value == "arm64" ? "" : "'" + value + "' is neither amd64 nor arm64";
}

std::string set_mirror(Invocation& invocation, Text value) {
    invocation.bundle.mirror = value;
    return syntax::web_url(value);
}

std::string add_image(Invocation& invocation, Text value) {
    invocation.bundle.images.push_back(value);
    return syntax::image(value);
}

std::string add_registry_mirror(Invocation& invocation, Text value) {
    const auto equals = value.find('=');
    if (equals == std::string::npos)
        return "'" + value + "' is not HOST=URL, like docker.io=https://mirror.example.com";
    invocation.bundle.registry_mirrors.push_back(value);
    const auto problem = syntax::registry_host(value.substr(0, equals));
    return problem.empty() ? syntax::web_url(value.substr(equals + 1)) : problem;
}

std::string set_config(Invocation& invocation, Text value) {
    invocation.config_given = true;
    return set_text<&Invocation::config_file>(invocation, value);
}

std::string add_setting(Invocation& invocation, Text value) {
    invocation.settings.push_back(value);
    return {};
}

std::string set_output(Invocation& invocation, Text value) {
    invocation.output = value == "json" ? OutputFormat::json : OutputFormat::text;
    return value == "text" || value == "json" ? "" : "'" + value + "' is neither text nor json";
}

std::string set_log_level(Invocation& invocation, Text value) {
    constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
    for (std::size_t i = 0; i < std::size(names); ++i)
        if (value == names[i]) {
            invocation.log_level = static_cast<LogLevel>(i);
            return {};
        }
    return "'" + value + "' is not one of debug, info, warning, error";
}

std::string set_role(Invocation& invocation, Text value) {
    invocation.role = value;
    return value == "control-plane" || value == "worker" ? "" : "'" + value + "' is neither control-plane nor worker";
}

std::string set_shell(Invocation& invocation, Text value) {
    invocation.shell = value;
    const bool known = value == "bash" || value == "zsh" || value == "fish";
    return known ? "" : "'" + value + "' is not one of bash, zsh, fish";
}

std::string set_policy_for(Invocation& invocation, Text value) {
    invocation.policy_for = value;
    const bool known = value == "operator" || value == "control-plane" || value == "worker";
    return known ? "" : "'" + value + "' is not one of operator, control-plane, worker";
}

std::string set_account(Invocation& invocation, Text value) {
    invocation.account = value;
    const bool fits = value.size() == 12 && value.find_first_not_of("0123456789") == std::string::npos;
    return fits ? "" : "'" + value + "' is not an account's number of 12 digits";
}

constexpr OptionSpec global_table[] = {
    {"--config", "FILE", "configuration (default /etc/nodeboot/config.toml)", set_config, Completes::files},
    {"--set", "KEY=VALUE", "set one value of the configuration; may be repeated", add_setting, Completes::settings},
    {"--output", "FORMAT", "text or json (one document on standard output)", set_output, Completes::words, "text json"},
    {"--log-level", "LEVEL", "debug, info, warning or error", set_log_level, Completes::words,
     "debug info warning error"},
};

constexpr OptionSpec only_option{"--only", "PHASES", "only these phases, separated by commas",
                                 set_names<&Selection::only>, Completes::phases};
constexpr OptionSpec skip_option{"--skip", "PHASES", "all phases but these", set_names<&Selection::skip>,
                                 Completes::phases};
constexpr OptionSpec lock_option{"--lock-timeout", "DURATION", "how long to wait for another nodeboot (default 15m)",
                                 set_duration<&Invocation::lock_timeout>};

constexpr OptionSpec plan_options[] = {only_option, skip_option};
constexpr OptionSpec up_options[] = {only_option, skip_option, lock_option};
constexpr OptionSpec status_options[] = {
    {"--wait", "DURATION", "how long each phase may take to answer (default 3s)", set_duration<&Invocation::wait>}};
constexpr OptionSpec repair_options[] = {
    {"--rejoin", "", "worker: leave the cluster and join again, even if all looks well", set_flag<&Invocation::rejoin>},
    {"--forget-node", "NAME", "control plane: delete this Node object", set_text<&Invocation::forget_node>},
    {"--yes", "", "do not ask", set_flag<&Invocation::yes>},
    lock_option};
constexpr OptionSpec reset_options[] = {{"--yes", "", "do not ask", set_flag<&Invocation::yes>}, lock_option};
constexpr OptionSpec cluster_up_options[] = {
    {"--yes", "", "do not ask before workers are terminated", set_flag<&Invocation::yes>}, lock_option};
constexpr OptionSpec user_data_options[] = {{"--role", "ROLE", "control-plane or worker (default: node.role)", set_role,
                                             Completes::words, "control-plane worker"}};
constexpr OptionSpec cluster_down_options[] = {
    {"--yes", "", "do not ask for the cluster's name", set_flag<&Invocation::yes>}, lock_option};
constexpr OptionSpec kubeconfig_options[] = {
    {"--file", "FILE", "where to (default <cluster>.kubeconfig, - for standard output)", set_text<&Invocation::file>,
     Completes::files},
    {"--address", "ADDRESS", "of the API server, as seen from here", set_text<&Invocation::address>}};
constexpr OptionSpec iam_policy_options[] = {{"--for", "WHOM", "operator (default), control-plane or worker",
                                              set_policy_for, Completes::words, "operator control-plane worker"},
                                             {"--account", "NUMBER", "narrow it to this AWS account", set_account}};
constexpr OptionSpec rotate_options[] = {only_option,
                                         {"--wait", "DURATION",
                                          "how long to go on where the API server or the store does not answer as it "
                                          "should (default 0s)",
                                          set_duration<&Invocation::patience>},
                                         lock_option};
constexpr OptionSpec timeline_options[] = {
    {"--svg", "FILE", "write a picture instead (- for standard output)", set_text<&Invocation::svg>, Completes::files},
    {"--run", "ID", "another run than the newest that changed something; a name in /var/lib/nodeboot/runs",
     set_text<&Invocation::run_id>}};
constexpr OptionSpec show_options[] = {
    {"--origin", "", "say where each value comes from", set_flag<&Invocation::with_origin>}};
constexpr OptionSpec create_options[] = {
    {"OUTPUT",
     "OUTPUT",
     "a folder, or a name ending in .tar, .tar.gz or .tar.zst; must not exist yet",
     set_bundle<&Invocation::Bundle::path>,
     Completes::files,
     {},
     true},
    {"--kubernetes", "VERSION", "exact, or a minor for its newest patch (default: kubernetes.version)",
     set_bundle<&Invocation::Bundle::kubernetes>},
    {"--arch", "ARCH", "amd64 or arm64 (default: this machine's)", set_arch, Completes::words, "amd64 arm64"},
    {"--containerd", "VERSION", "put containerd and runc in, too (default: the distribution's are used)",
     set_bundle<&Invocation::Bundle::containerd>},
    {"--image", "IMAGE", "a further image; may be repeated", add_image},
    {"--mirror", "URL", "take files from URL/<official host>/<path>", set_mirror},
    {"--registry-mirror", "HOST=URL", "take a registry's images from here; may be repeated", add_registry_mirror}};
constexpr OptionSpec verify_options[] = {
    {"BUNDLE", "BUNDLE", "folder or archive", set_bundle<&Invocation::Bundle::path>, Completes::files, {}, true}};
constexpr OptionSpec phases_options[] = {{"--names", "", "names only, one a line", set_flag<&Invocation::names_only>}};
constexpr OptionSpec completion_options[] = {
    {"SHELL", "SHELL", "bash, zsh or fish", set_shell, Completes::words, "bash zsh fish", true}};

constexpr GroupSpec group_table[] = {
    {"node", "Make this machine a member of the cluster, and keep it one."},
    {"cluster", "Make a cluster's AWS side: network, machines, roles; and take it away."},
    {"config", "Check, show and explain the configuration."},
    {"bundle", "Everything a node needs, in one archive: for sites without internet."},
};

constexpr CommandSpec command_table[] = {
    {Command::node_plan, "node plan", "Show what `node up` would change; change nothing",
     "Looks at this machine and prints each difference from the configuration. Writes nothing and takes no lock. "
     "Exit code 0: nothing to change; 2: there are changes; 1: it could not be found out.",
     plan_options,
     "nodeboot node plan\n"
     "nodeboot node plan --only sysctl,swap --output json\n"},
    {Command::node_up, "node up", "Make this machine what the configuration says",
     "Runs every phase: looks, changes what differs, looks again, and checks that it works. What is right already is "
     "left alone, so it can be run at any time, and again after any interruption. The run is recorded in "
     "/var/lib/nodeboot/runs.",
     up_options,
     "nodeboot node up\n"
     "nodeboot node up --set kubernetes.version=1.35 --skip time-sync\n"},
    {Command::node_status, "node status", "Health at a glance: phases, versions, certificates, node",
     "Looks at every phase and asks what it made whether it works, without changing anything. Exit code 0: all is "
     "well; 2: something drifted; 1: something failed.",
     status_options,
     "nodeboot node status\n"
     "nodeboot node status --output json\n"},
    {Command::node_repair, "node repair", "`node up`, plus what only a person may allow",
     "Removes the membership of a worker that its cluster no longer accepts, then converges. On a control plane it can "
     "delete a stale Node object, so that its name can join again. Never touches etcd.",
     repair_options,
     "nodeboot node repair\n"
     "nodeboot node repair --rejoin --yes\n"
     "nodeboot node repair --forget-node ip-10-0-1-141\n"},
    {Command::node_bake, "node bake", "Prepare this machine to become an image (AMI)",
     "Does everything that does not depend on a cluster: the host's settings, containerd, Kubernetes' packages, the "
     "images "
     "of both roles, the enabled unit. Then removes what is this machine's own: machine-id, host keys, authorized "
     "keys, "
     "cloud-init's state, logs, caches, records. Refuses settings of one cluster, secrets, and a machine that is in a "
     "cluster. Shut the machine down afterwards and make the image; its instances need a configuration and nothing "
     "else.",
     up_options,
     "nodeboot node bake --config bake.toml\n"
     "nodeboot node bake --set kubernetes.version=1.35\n"},
    {Command::node_reset, "node reset", "Leave the cluster and undo what nodeboot did",
     "Takes this machine out of its cluster, then undoes phase by phase what nodeboot made: its files go, files that "
     "they "
     "replaced come back, lines that it commented out count again. Packages, images and run records stay. On a control "
     "plane this destroys the cluster's data. Asks before it begins.",
     reset_options,
     "nodeboot node reset\n"
     "nodeboot node reset --yes\n"},
    {Command::node_rotate_token, "node rotate-token", "Publish a fresh join token if the old one is ageing",
     "Run by a timer on the control plane, so that workers can join at any time.", rotate_options,
     "nodeboot node rotate-token\n"
     "nodeboot node rotate-token --wait 10m\n"},
    {Command::node_timeline, "node timeline", "Where the boot time went, as text or as a picture",
     "Draws a recorded run, from the start of the kernel to the node being Ready: what took how long, and what waited.",
     timeline_options,
     "nodeboot node timeline\n"
     "nodeboot node timeline --svg boot.svg\n"},
    {Command::cluster_plan,
     "cluster plan",
     "Show what `cluster up` would make or change in AWS; change nothing",
     "Asks AWS what bears this cluster's tags and prints each difference from the configuration. Exit code 0: nothing "
     "to change; 2: there are changes; 1: it could not be found out.",
     {},
     "nodeboot cluster plan --config demo.toml\n"
     "nodeboot cluster plan --config demo.toml --output json\n"},
    {Command::cluster_up, "cluster up", "Make AWS hold what the configuration says",
     "Makes what is missing, puts right what was changed, leaves alone what is right, however far an earlier run came. "
     "There is no state file: everything is found again by its tags. One launcher works on a cluster at a time.",
     cluster_up_options,
     "nodeboot cluster up --config demo.toml\n"
     "nodeboot cluster up --config demo.toml --set instances.workers=5\n"},
    {Command::cluster_status,
     "cluster status",
     "The nodes, how far each has come, and what was changed by hand",
     "Lists the instances with what they say of themselves on their consoles, and each difference from the "
     "configuration. Exit code 0: all is well; 2: something drifted, or a node is not Ready; 1: it could not be found "
     "out.",
     {},
     "nodeboot cluster status --config demo.toml\n"},
    {Command::cluster_user_data, "cluster user-data", "Print what an instance of a role would be given",
     "For instances that something else starts: Terraform, CDK, an Auto Scaling group of your own. Holds no secret.",
     user_data_options, "nodeboot cluster user-data --config demo.toml --role worker\n"},
    {Command::cluster_down, "cluster down", "Delete everything that `cluster up` made, and nothing else",
     "Lists what bears this cluster's tags, asks for the cluster's name, and deletes it in the order in which AWS lets "
     "it go. A VPC and subnets that the configuration names are left as they are.",
     cluster_down_options,
     "nodeboot cluster down --config demo.toml\n"
     "nodeboot cluster down --config demo.toml --yes\n"},
    {Command::cluster_kubeconfig, "cluster kubeconfig", "Fetch admin access to the cluster, for kubectl",
     "Reads what the control plane published (control_plane.publish_kubeconfig) and writes it with mode 0600. The file "
     "points to the control plane's public address where access.admin_cidr is set, else to its private one; the API "
     "server's certificate is checked by the name `kubernetes`, whatever the address.",
     kubeconfig_options,
     "nodeboot cluster kubeconfig --config demo.toml\n"
     "nodeboot cluster kubeconfig --config demo.toml --file - --address 127.0.0.1\n"},
    {Command::cluster_iam_policy, "cluster iam-policy", "Print the smallest IAM policy that the launcher needs",
     "JSON to attach to whoever runs `nodeboot cluster`, narrowed to this configuration: its region, names and tags. "
     "With "
     "--for control-plane or worker, what an instance profile of your own has to allow. Asks AWS nothing.",
     iam_policy_options,
     "nodeboot cluster iam-policy --config demo.toml --account 123456789012\n"
     "nodeboot cluster iam-policy --config demo.toml --for worker\n"},
    {Command::config_check,
     "config check",
     "Report every mistake in the configuration, with its place",
     "Reads all layers, touches nothing else. Exit code 0: no mistakes; 1: mistakes, each with file, line, column and "
     "the nearest right name.",
     {},
     "nodeboot config check\n"
     "nodeboot config check --config ./demo.toml\n"},
    {Command::config_show, "config show", "Print the configuration that is in force",
     "The result is TOML that loads back to the same.", show_options,
     "nodeboot config show --origin\n"
     "nodeboot config show --set network.vxlan_port=8472\n"},
    {Command::config_reference,
     "config reference",
     "Describe every setting (Markdown)",
     "Every section and key with type, default and meaning.",
     {},
     "nodeboot config reference | less\n"},
    {Command::bundle_create, "bundle create", "Download one Kubernetes version with all it needs",
     "Fetches the official binaries, checked against their published checksums, and the images, and lists every file "
     "with its sha256 in a manifest.",
     create_options,
     "nodeboot bundle create bundle.tar.zst --kubernetes 1.35\n"
     "nodeboot bundle create ./bundle --containerd 2.1.5 --arch arm64\n"
     "nodeboot bundle create ./bundle --mirror https://files.example.com \\\n"
     "  --registry-mirror registry.k8s.io=https://mirror.example.com\n"},
    {Command::bundle_verify, "bundle verify", "Check every file of a bundle against its manifest", "", verify_options,
     "nodeboot bundle verify ./bundle\n"},
    {Command::phases, "phases", "List the phases of this machine's role, in order", "", phases_options,
     "nodeboot phases --set node.role=control-plane\n"},
    {Command::version, "version", "Say which nodeboot this is", "", {}, "nodeboot version --output json\n"},
    {Command::completion, "completion", "Print the completions for a shell", "", completion_options,
     "nodeboot completion bash > /etc/bash_completion.d/nodeboot\n"
     "nodeboot completion zsh  > \"${fpath[1]}/_nodeboot\"\n"
     "nodeboot completion fish > ~/.config/fish/completions/nodeboot.fish\n"},
};

}  // namespace

std::span<const CommandSpec> commands() { return command_table; }
std::span<const GroupSpec> groups() { return group_table; }
std::span<const OptionSpec> global_options() { return global_table; }

}  // namespace nodeboot::cli

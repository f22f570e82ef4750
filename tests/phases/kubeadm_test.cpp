#include "phases/kubeadm.hpp"

#include <gtest/gtest.h>

#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

TEST(WithoutTokens, every_bootstrap_token_is_replaced_and_nothing_else) {
    EXPECT_EQ(without_tokens("join --token abcdef.0123456789abcdef now"), "join --token <token> now");
    EXPECT_EQ(without_tokens("abcdef.0123456789abcdef"), "<token>");
    EXPECT_EQ(without_tokens("abcdef.0123456789abcde"), "abcdef.0123456789abcde") << "one short";
    EXPECT_EQ(without_tokens("xabcdef.0123456789abcdef"), "xabcdef.0123456789abcdef") << "part of a longer word";
    EXPECT_EQ(without_tokens("ABCDEF.0123456789abcdef"), "ABCDEF.0123456789abcdef");
    EXPECT_EQ(without_tokens("a.b"), "a.b");
}

TEST(RunKubeadm, a_failure_names_the_errors_that_kubeadm_printed_and_hides_tokens) {
    FakeNode node;
    node.host.programs["kubeadm"] = [](const Command&) {
        return CommandOutput{2, "[preflight] Running pre-flight checks\n",
                             "error execution phase preflight: [preflight] Some fatal errors occurred:\n"
                             "\t[ERROR Port-10250]: Port 10250 is in use\n"
                             "using token abcdef.0123456789abcdef\n"};
    };
    StepContext step = node.step();
    ActionContext context{node.host, step};
    const auto result = run_kubeadm(context, {"join", "--config", "/x"}, std::chrono::minutes(1));
    ASSERT_FALSE(result);
    const std::string text = result.error().text();
    EXPECT_NE(text.find("kubeadm join --config /x"), std::string::npos);
    EXPECT_NE(text.find("exited with 2"), std::string::npos);
    EXPECT_NE(text.find("Port 10250 is in use"), std::string::npos);
    EXPECT_EQ(text.find("abcdef.0123456789abcdef"), std::string::npos);
}

TEST(RunKubeadm, one_that_took_too_long_hides_tokens_too) {
    FakeNode node;
    node.host.unfinished["kubeadm init"] = {ErrorKind::timeout,
                                            "'kubeadm init' took longer than 6m; it said last: [bootstrap-token] Using "
                                            "token: abcdef.0123456789abcdef"};
    StepContext step = node.step();
    ActionContext context{node.host, step};
    const auto result = run_kubeadm(context, {"init"}, std::chrono::minutes(6));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::timeout);
    EXPECT_NE(result.error().text().find("Using token: <token>"), std::string::npos) << result.error().text();
}

TEST(RunKubeadm, a_crash_is_told_by_its_first_line_not_by_the_end_of_the_stack_trace) {
    FakeNode node;
    node.host.programs["kubeadm"] = [](const Command&) {
        return CommandOutput{
            2, "[init] Using Kubernetes version: v1.35.1\n",
            "panic: runtime error: invalid memory address or nil pointer dereference\n\n"
            "goroutine 1 [running]:\nmain.main()\n\tk8s.io/kubernetes/cmd/kubeadm/kubeadm.go:27 +0x19\n"};
    };
    StepContext step = node.step();
    ActionContext context{node.host, step};
    const auto result = run_kubeadm(context, {"init"}, std::chrono::minutes(1));
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().text().find("exited with 2: panic: runtime error: invalid"), std::string::npos);
    EXPECT_EQ(result.error().text().find("kubeadm.go"), std::string::npos);
}

TEST(NodeIsReady, tells_apart_absent_silent_not_ready_and_ready) {
    testing::FakeKube api;
    EXPECT_NE(node_is_ready(api, "n").error().text().find("knows no node n"), std::string::npos);
    api.objects["/api/v1/nodes/n"] = {{"metadata", {{"name", "n"}}}};
    EXPECT_NE(node_is_ready(api, "n").error().text().find("not reported"), std::string::npos);
    auto& conditions = api.objects["/api/v1/nodes/n"]["status"]["conditions"];
    conditions =
        nlohmann::json::array({{{"type", "Ready"}, {"status", "False"}, {"message", "cni plugin not initialized"}}});
    EXPECT_NE(node_is_ready(api, "n").error().text().find("cni plugin not initialized"), std::string::npos);
    conditions[0]["status"] = "True";
    EXPECT_TRUE(node_is_ready(api, "n"));
}

TEST(WaitUntil, gives_up_at_the_deadline_with_the_last_reason) {
    FakeNode node;
    StepContext step = node.step();
    step.deadline = Deadline::after(node.clock, std::chrono::seconds(5));
    int calls = 0;
    const auto result = wait_until(step, [&]() -> Result<void> {
        ++calls;
        return fail(ErrorKind::unavailable, "not yet");
    });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::timeout);
    EXPECT_NE(result.error().text().find("not yet"), std::string::npos);
    EXPECT_GE(calls, 10);
}

TEST(WaitUntil, an_error_that_waiting_cannot_mend_ends_it_at_once) {
    FakeNode node;
    StepContext step = node.step();
    int calls = 0;
    const auto result = wait_until(step, [&]() -> Result<void> {
        ++calls;
        return fail(ErrorKind::permission, "401");
    });
    EXPECT_FALSE(result);
    EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace nodeboot

"""The API server: who may do what, what is refused, server-side apply, watches."""
import copy
import json

import flannel_manifest
import pytest

from fakemachine import wait_until

from standin import client

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
DAEMONSETS = "/apis/apps/v1/namespaces/default/daemonsets"


def refused(call, code: int, words: str = "") -> client.ApiError:
    with pytest.raises(client.ApiError) as found:
        call()
    assert found.value.code == code, str(found.value)
    assert words in str(found.value)
    return found.value


@pytest.fixture
def api(cluster):
    return cluster.api()


def daemon_set(name: str) -> dict:
    made = copy.deepcopy(flannel_manifest.daemon_set())
    made["metadata"] = {"name": name, "namespace": "default"}
    return made


def configmap(name: str, **data) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


def apply(api, body: dict, manager: str = "nodeboot", **query):
    kind = {"ConfigMap": CONFIGMAPS, "DaemonSet": DAEMONSETS, "Node": "/api/v1/nodes"}[body["kind"]]
    options = "&".join(f"{k}={v}" for k, v in {"fieldManager": manager, **query}.items() if v)
    return api.request("PATCH", f"{kind}/{body['metadata']['name']}?{options}", body, client.APPLY)


# Who

def test_anonymous_sees_health_version_and_cluster_info_only(cluster):
    nobody = cluster.with_token(None)
    assert nobody.get("/readyz") == nobody.get("/healthz") == nobody.get("/livez") == "ok"
    assert nobody.get("/version")["gitVersion"] == "v1.34.2"
    assert "kubeconfig" in nobody.get("/api/v1/namespaces/kube-public/configmaps/cluster-info")["data"]
    refused(lambda: nobody.get("/api/v1/nodes"), 403,
            'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope')
    refused(lambda: nobody.get("/api/v1/namespaces/kube-system/secrets/x"), 403, 'in the namespace "kube-system"')


def test_a_bad_bearer_token_is_401(cluster):
    for token in ("nosuch.0123456789abcdef", "abcdef.ffffffffffffffff", "x"):
        refused(lambda: cluster.with_token(token).get("/readyz"), 401, "Unauthorized")


def test_a_node_may_change_itself_within_limits(cluster, api):
    node = cluster.api("kubelet.conf")
    assert node.get("/api/v1/nodes/cp1")
    node.patch("/api/v1/nodes/cp1", {"metadata": {"annotations": {"x": "y"}, "labels": {"tier": "db"}}})
    refused(lambda: node.patch("/api/v1/nodes/cp1", {"metadata": {"labels": {"node-role.kubernetes.io/worker": ""}}}),
            403, 'nodes "cp1" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/worker')
    refused(lambda: node.patch("/api/v1/nodes/cp1", {"spec": {"taints": []}}), 403, "is not allowed to modify taints")
    api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "other"}})
    refused(lambda: node.patch("/api/v1/nodes/other", {"metadata": {"annotations": {"x": "y"}}}), 403)
    refused(lambda: node.get("/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef"), 403)
    refused(lambda: node.delete("/api/v1/nodes/cp1"), 403)
    api.delete("/api/v1/nodes/other")


def test_an_admin_sets_role_labels_by_merge_patch_and_by_apply(api):
    path = "/api/v1/nodes/cp1"
    api.patch(path, {"metadata": {"labels": {"node-role.kubernetes.io/extra": ""}}}, client.MERGE)
    assert "node-role.kubernetes.io/extra" in api.get(path)["metadata"]["labels"]
    api.patch(path, {"metadata": {"labels": {"node-role.kubernetes.io/extra": None}}}, client.STRATEGIC)
    assert "node-role.kubernetes.io/extra" not in api.get(path)["metadata"]["labels"]
    apply(api, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cp1", "labels": {"node-role.kubernetes.io/a": ""}}})
    assert "node-role.kubernetes.io/a" in api.get(path)["metadata"]["labels"]
    refused(lambda: api.patch(path, {"metadata": {"labels": {"bad key!": ""}}}, client.MERGE), 422, "metadata.labels")


# What

def test_media_types_are_strict(api):
    refused(lambda: api.request("PATCH", f"{CONFIGMAPS}/x", {}, "application/json"), 415, "415: Unsupported Media Type")
    refused(lambda: api.request("POST", CONFIGMAPS, configmap("x"), "text/plain"), 415,
            "accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf")


def test_apply_needs_a_field_manager(api):
    refused(lambda: apply(api, configmap("x", a="b"), manager=""), 422, "fieldManager: Required value")


def test_unknown_fields_are_refused_when_strict_and_warned_of_when_not(api):
    body = daemon_set("strict")
    body["spec"]["template"]["spec"]["hostNetwerk"] = True
    words = 'strict decoding error: unknown field "spec.template.spec.hostNetwerk"'
    refused(lambda: api.create(DAEMONSETS + "?fieldValidation=Strict", body), 400, words)
    refused(lambda: apply(api, body), 500, ".spec.template.spec.hostNetwerk: field not declared in schema")
    made = api.create(DAEMONSETS, body)
    assert "hostNetwerk" not in made["spec"]["template"]["spec"]
    api.delete(f"{DAEMONSETS}/strict")


def test_wrong_types_are_refused(api):
    refused(lambda: api.create(CONFIGMAPS, configmap("x", a=1)), 400,
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number')
    refused(lambda: apply(api, configmap("x", a=1)), 500, "failed to create typed patch object (default/x; /v1, "
            "Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:1}")
    body = daemon_set("x")
    body["spec"]["template"]["spec"]["containers"][0]["nope"] = 1
    refused(lambda: apply(api, body), 500,
            '.spec.template.spec.containers[name="kube-flannel"].nope: field not declared in schema')


def test_objects_must_be_where_they_say(api):
    refused(lambda: api.create("/api/v1/namespaces/nosuch/configmaps", {"metadata": {"name": "x"}}), 404,
            'namespaces "nosuch" not found')
    body = configmap("x", a="b")
    refused(lambda: api.create("/api/v1/namespaces/kube-public/configmaps", body), 400,
            "the namespace of the provided object does not match the namespace sent on the request")
    refused(lambda: api.create(CONFIGMAPS, body | {"kind": "Secret"}), 400, "cannot be handled as a ConfigMap")
    refused(lambda: api.get("/apis/apps/v1/nosuch"), 404)
    refused(lambda: api.get("/api/v1/namespaces/kube-system/pods/x/log"), 404)


def test_daemon_sets_are_validated(api):
    body = daemon_set("bad")
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].append({"name": "nosuch", "mountPath": "/x"})
    found = str(refused(lambda: api.create(DAEMONSETS, body), 422, 'DaemonSet.apps "bad" is invalid: ['))
    assert "`selector` does not match template `labels`" in found
    assert 'spec.template.spec.containers[0].volumeMounts[2].name: Not found: "nosuch"' in found
    made = daemon_set("moved")
    api.create(DAEMONSETS, made)
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    refused(lambda: apply(api, made, force="true"), 422, "field is immutable")
    api.delete(f"{DAEMONSETS}/moved")


# How often and by whom

def test_an_apply_that_changes_nothing_stores_nothing(api):
    first = apply(api, daemon_set("same"))
    again = apply(api, daemon_set("same"))
    def still(obj: dict) -> dict:
        return {k: v for k, v in obj.items() if k != "status"}
    assert still(again)["spec"] == still(first)["spec"]
    third = apply(api, daemon_set("same"))
    assert third["metadata"]["generation"] == 1
    assert [m["time"] for m in third["metadata"]["managedFields"] if m["manager"] == "nodeboot"] == [
        m["time"] for m in first["metadata"]["managedFields"] if m["manager"] == "nodeboot"]
    assert first["spec"]["updateStrategy"]["type"] == "RollingUpdate", "defaults are filled in"
    api.delete(f"{DAEMONSETS}/same")


def test_what_is_no_longer_applied_is_removed_unless_somebody_else_has_it(api):
    apply(api, configmap("shared", a="1", b="2"))
    api.patch(f"{CONFIGMAPS}/shared", {"data": {"c": "3"}}, client.MERGE)
    apply(api, configmap("shared", a="1"))
    assert api.get(f"{CONFIGMAPS}/shared")["data"] == {"a": "1", "c": "3"}
    api.delete(f"{CONFIGMAPS}/shared")


def test_a_field_of_somebody_else_is_a_conflict_unless_forced(api):
    apply(api, configmap("fought", a="1"), "first")
    error = refused(lambda: apply(api, configmap("fought", a="2"), "second"), 409,
                    'Apply failed with 1 conflict: conflict with "first": .data.a')
    assert error.reason == "Conflict"
    apply(api, configmap("fought", a="1"), "second")
    assert apply(api, configmap("fought", a="2"), "second", force="true")["data"] == {"a": "2"}
    owners = {m["manager"]: m["fieldsV1"] for m in api.get(f"{CONFIGMAPS}/fought")["metadata"]["managedFields"]}
    assert owners == {"second": {"f:data": {"f:a": {}}}}
    api.delete(f"{CONFIGMAPS}/fought")


def test_a_dry_run_answers_and_stores_nothing(api):
    made = apply(api, configmap("dry", a="1"), dryRun="All")
    assert made["data"] == {"a": "1"}
    assert api.find(f"{CONFIGMAPS}/dry") is None


def test_lists_of_named_things_are_merged_by_name(api):
    apply(api, daemon_set("merged"))
    api.patch(f"{DAEMONSETS}/merged", {"spec": {"template": {"spec": {"containers": [
        {"name": "kube-flannel", "env": [{"name": "A", "value": "1"}]}]}}}}, client.STRATEGIC)
    container = api.get(f"{DAEMONSETS}/merged")["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "1"}] and container["image"] == flannel_manifest.IMAGES[0]
    container = apply(api, daemon_set("merged"))["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "1"}], "owned by the one who patched"
    api.delete(f"{DAEMONSETS}/merged")


def test_stale_updates_conflict_and_names_are_taken_once(api):
    made = api.create(CONFIGMAPS, configmap("old", a="1"))
    error = refused(lambda: api.create(CONFIGMAPS, configmap("old", a="1")), 409, 'configmaps "old" already exists')
    assert error.reason == "AlreadyExists"
    api.patch(f"{CONFIGMAPS}/old", {"data": {"a": "2"}}, client.MERGE)
    made["data"]["a"] = "3"
    refused(lambda: api.replace(f"{CONFIGMAPS}/old", made), 409, "the object has been modified")
    api.delete(f"{CONFIGMAPS}/old")
    refused(lambda: api.get(f"{CONFIGMAPS}/old"), 404, 'configmaps "old" not found')


def test_lists_are_selected_and_bad_selectors_refused(api):
    wait_until(lambda: len(api.get("/api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane")["items"]), 4)
    assert api.get("/api/v1/nodes?fieldSelector=metadata.name%3Dcp1")["items"]
    refused(lambda: api.get("/api/v1/nodes?fieldSelector=spec.color%3Dred"), 400, "field label not supported: spec.color")


def test_a_watch_tells_of_changes(cluster, api):
    at = api.get(CONFIGMAPS)["metadata"]["resourceVersion"]
    api.create(CONFIGMAPS, configmap("watched", a="1"))
    api.delete(f"{CONFIGMAPS}/watched")
    answer = api._send("GET", f"{CONFIGMAPS}?watch=1&resourceVersion={at}&timeoutSeconds=1", None, "")
    lines = [json.loads(line) for line in answer.read().splitlines()]
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in lines] == [("ADDED", "watched"), ("DELETED", "watched")]


def test_discovery_names_the_resources(api):
    assert {"name": "nodes", "kind": "Node"}.items() <= api.get("/api/v1")["resources"][2].items()
    assert "apps" in [g["name"] for g in api.get("/apis")["groups"]]

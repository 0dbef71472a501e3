package io.github.dmabuf4j.benchmarks.report;

import static io.github.dmabuf4j.benchmarks.report.Reports.measured;
import static io.github.dmabuf4j.benchmarks.report.Reports.trial;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class JsonTest {
  @Test
  void json_hasTheNamesOfTheRecords_andNullForWhatIsUnknown() {
    List<Measurement> measured =
        List.of(measured(trial("bulk"), 10, 1.0), measured(trial("single"), 100, null));

    JsonNode json =
        JsonMapper.shared().readTree(Json.of(Reports.report(measured, Reports.judge(measured))));

    assertThat(json.get("schema").asInt()).isEqualTo(Report.SCHEMA);
    assertThat(json.get("started").asString()).isEqualTo("1970-01-01T00:00:00Z");
    assertThat(json.get("isTruncated").isBoolean()).isTrue();
    assertThat(json.at("/bars/0/ratio/value").asDouble()).isEqualTo(0.1);
    assertThat(json.at("/bars/0/ratio/low").isNull()).isTrue();
    assertThat(json.at("/bars/0/verdict").asString()).isEqualTo("PASS");
    assertThat(json.at("/bars/0/isLimit").asBoolean(true)).isFalse();
    assertThat(json.at("/measurements/1/score/error").isNull()).isTrue();
    assertThat(json.at("/machine/cores").asInt()).isEqualTo(2);
  }
}

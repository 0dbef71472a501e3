package io.github.dmabuf4j.netty.snippets;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.netty.DmaByteBufs;
import io.netty.channel.Channel;
import java.util.concurrent.CompletionStage;

/** Sends a buffer as it is. */
public final class SendBuffer {
  private SendBuffer() {}

  // @start region="send"
  /**
   * Sends a buffer without a copy: waits for its writers, without blocking, and keeps new ones out
   * until the last byte was written to the socket.
   */
  public static CompletionStage<?> send(DmaBuf buffer, Channel channel) {
    return Job.named("send")
        .reads(buffer)
        .publishAsync()
        .thenCompose(
            job ->
                Fences.merge(job.dependencies())
                    .toCompletionStage()
                    .handle((ended, failed) -> job)) // a writer that failed has ended, too
        .thenAccept(
            job -> {
              var _ = channel.writeAndFlush(DmaByteBufs.view(buffer, job));
            });
  }
  // @end
}

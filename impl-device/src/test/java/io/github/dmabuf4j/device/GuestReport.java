package io.github.dmabuf4j.device;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** What the guest's console launcher wrote about its tests, in the XML that JUnit has for it. */
final class GuestReport {
  /** How a test ended. */
  enum Verdict {
    PASSED,
    FAILED,
    SKIPPED
  }

  /**
   * A test.
   *
   * @param className its class
   * @param name its method, or what it is called
   * @param verdict how it ended
   * @param text the stack trace, or why it was skipped; empty if it passed
   */
  record Case(String className, String name, Verdict verdict, String text) {}

  private GuestReport() {}

  /** The tests of a report, in its order. */
  static List<Case> read(Path xml) throws IOException {
    try {
      var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(xml.toFile());
      NodeList elements = document.getElementsByTagName("testcase");
      List<Case> cases = new ArrayList<>();
      for (int i = 0; i < elements.getLength(); i++) {
        cases.add(read((Element) elements.item(i)));
      }
      return cases;
    } catch (ParserConfigurationException | SAXException e) {
      throw new IOException(xml + " is not a report of tests", e);
    }
  }

  private static Case read(Element test) {
    Verdict verdict = Verdict.PASSED;
    String text = "";
    for (String tag : List.of("failure", "error", "skipped")) {
      Element child = child(test, tag);
      if (child != null) {
        verdict = tag.equals("skipped") ? Verdict.SKIPPED : Verdict.FAILED;
        text = child.getTextContent().strip();
      }
    }
    return new Case(test.getAttribute("classname"), test.getAttribute("name"), verdict, text);
  }

  private static @Nullable Element child(Element parent, String tag) {
    for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element element && element.getTagName().equals(tag)) {
        return element;
      }
    }
    return null;
  }
}

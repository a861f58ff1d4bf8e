// Opens the endpoints that are asked for as one participant with DDS security, and sends or hears on them.
//   trial KEYS DOMAIN SECONDS  < lines "w TOPIC" or "r TOPIC"; KEYS "-" = without security
// Answers each line with "made" or "refused", then at the end "TOPIC COUNT" of what was heard.
#include <chrono>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <fastdds/dds/topic/TypeSupport.hpp>

using namespace eprosima::fastdds::dds;
using eprosima::fastrtps::rtps::InstanceHandle_t;
using eprosima::fastrtps::rtps::SerializedPayload_t;

struct Number { uint32_t value = 0; };

class NumberType : public TopicDataType {
public:
    NumberType() { setName("Number"); m_typeSize = 8; m_isGetKeyDefined = false; }
    bool serialize(void* data, SerializedPayload_t* payload) override {
        payload->length = 8;
        std::memset(payload->data, 0, 4);
        std::memcpy(payload->data + 4, data, 4);
        return true;
    }
    bool deserialize(SerializedPayload_t* payload, void* data) override {
        std::memcpy(data, payload->data + 4, 4);
        return true;
    }
    std::function<uint32_t()> getSerializedSizeProvider(void*) override { return [] { return 8u; }; }
    void* createData() override { return new Number; }
    void deleteData(void* data) override { delete static_cast<Number*>(data); }
    bool getKey(void*, InstanceHandle_t*, bool) override { return false; }
};

int main(int, char** arguments) {
    const std::string keys = arguments[1];
    DomainParticipantQos quality = PARTICIPANT_QOS_DEFAULT;
    if (keys != "-") {
        auto& properties = quality.properties().properties();
        auto add = [&](const char* name, const std::string& value) { properties.emplace_back(name, value); };
        const std::string files = "file://" + keys + "/";
        add("dds.sec.auth.plugin", "builtin.PKI-DH");
        add("dds.sec.auth.builtin.PKI-DH.identity_ca", files + "ca.pem");
        add("dds.sec.auth.builtin.PKI-DH.identity_certificate", files + "cert.pem");
        add("dds.sec.auth.builtin.PKI-DH.private_key", files + "key.pem");
        add("dds.sec.crypto.plugin", "builtin.AES-GCM-GMAC");
        add("dds.sec.access.plugin", "builtin.Access-Permissions");
        add("dds.sec.access.builtin.Access-Permissions.permissions_ca", files + "ca.pem");
        add("dds.sec.access.builtin.Access-Permissions.governance", files + "governance.p7s");
        add("dds.sec.access.builtin.Access-Permissions.permissions", files + "permissions.p7s");
    }
    auto* participant = DomainParticipantFactory::get_instance()->create_participant(std::stoi(arguments[2]), quality);
    if (participant == nullptr) {
        std::cout << "no participant" << std::endl;
        return 1;
    }
    TypeSupport type(new NumberType);
    type.register_type(participant);
    auto* publisher = participant->create_publisher(PUBLISHER_QOS_DEFAULT);
    auto* subscriber = participant->create_subscriber(SUBSCRIBER_QOS_DEFAULT);
    std::vector<DataWriter*> writers;
    std::map<std::string, DataReader*> readers;
    std::map<std::string, Topic*> topics;
    std::string kind, name;
    while (std::cin >> kind >> name) {
        auto& topic = topics[name];
        if (topic == nullptr) topic = participant->create_topic(name, "Number", TOPIC_QOS_DEFAULT);
        bool made = false;
        if (kind == "w") {
            DataWriterQos reliable = DATAWRITER_QOS_DEFAULT;
            auto* writer = publisher->create_datawriter(topic, reliable);
            if ((made = writer != nullptr)) writers.push_back(writer);
        } else {
            DataReaderQos reliable = DATAREADER_QOS_DEFAULT;
            reliable.reliability().kind = RELIABLE_RELIABILITY_QOS;
            auto* reader = subscriber->create_datareader(topic, reliable);
            if ((made = reader != nullptr)) readers[name] = reader;
        }
        std::cout << kind << " " << name << " " << (made ? "made" : "refused") << std::endl;
    }
    std::map<std::string, int> heard;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(int(1000 * std::stod(arguments[3])));
    while (std::chrono::steady_clock::now() < end) {
        Number number;
        for (auto* writer : writers) writer->write(&number);
        SampleInfo info;
        for (auto& [topic, reader] : readers)
            while (reader->take_next_sample(&number, &info) == ReturnCode_t::RETCODE_OK) heard[topic] += info.valid_data;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    for (auto& [topic, reader] : readers) std::cout << "heard " << topic << " " << heard[topic] << std::endl;
    std::cout.flush();
    std::_Exit(0);
}
